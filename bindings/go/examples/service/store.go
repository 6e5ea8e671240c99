package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strings"
	"syscall"

	_ "github.com/mattn/go-sqlite3"
)

// schemaVersion is PRAGMA user_version of the databases that this service reads.
const schemaVersion = 1

// A user is one row, as melu saves them: profile, ratings by item id, adapted head. Items that
// they do not know are a JSON array of ids.
const schema = `
CREATE TABLE users (
	id TEXT PRIMARY KEY,
	saved BLOB NOT NULL,
	unknown TEXT NOT NULL
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 1;`

// errNoUser: nobody has the id, or no longer.
var errNoUser = errors.New("there is no such user")

// record is what is kept of a user.
type record struct {
	saved   []byte
	unknown []string
}

// store keeps users in SQLite. One connection writes, and has what it wrote on disk before a
// change is acknowledged; others read beside it.
type store struct {
	lock             *os.File
	writing, reading *sql.DB
	find             *sql.Stmt
	committer        *committer
}

func openStore(path string, measured *metrics) (_ *store, err error) {
	s := new(store)
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", path, err), s.close())
		}
	}()
	// A second process would change users between this one's reading and writing them. The
	// system lifts the lock when the process ends, however it ends.
	if s.lock, err = os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, err
	}
	if err = syscall.Flock(int(s.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, fmt.Errorf("another service uses it: %w", err)
	}
	// Nobody else may read it, nor what SQLite puts beside it with the same permissions.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err = file.Close(); err != nil {
		return nil, err
	}
	// FULL: each commit waits for the disk. Forgotten users are overwritten by zeros.
	s.writing, err = open(path, "_journal_mode=WAL&_synchronous=FULL&_secure_delete=on&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	s.writing.SetMaxOpenConns(1)
	if err = prepare(s.writing); err != nil {
		return nil, err
	}
	if s.reading, err = open(path, "mode=ro&_query_only=on"); err != nil {
		return nil, err
	}
	readers := max(4, 2*runtime.GOMAXPROCS(0))
	s.reading.SetMaxOpenConns(readers)
	s.reading.SetMaxIdleConns(readers)
	if s.find, err = s.reading.Prepare("SELECT saved, unknown FROM users WHERE id = ?"); err != nil {
		return nil, err
	}
	s.committer, err = newCommitter(s.writing, measured)
	return s, err
}

func open(path, options string) (*sql.DB, error) {
	name := strings.ReplaceAll(url.PathEscape(path), "%2F", "/")
	return sql.Open("sqlite3", "file:"+name+"?_busy_timeout=5000&"+options)
}

// prepare makes the table in a new database, and refuses those of other programs.
func prepare(db *sql.DB) error {
	var version, tables int
	row := db.QueryRow("SELECT user_version, (SELECT count(*) FROM sqlite_schema) FROM pragma_user_version")
	if err := row.Scan(&version, &tables); err != nil {
		return err
	}
	if version == 0 && tables == 0 {
		tx, err := db.Begin()
		if err != nil {
			return err
		}
		defer tx.Rollback()
		if _, err := tx.Exec(schema); err != nil {
			return err
		}
		return tx.Commit()
	}
	if version != schemaVersion {
		return fmt.Errorf("its user_version is %d instead of %d", version, schemaVersion)
	}
	return nil
}

// read returns what is kept of a user.
func (s *store) read(ctx context.Context, id string) (record, error) {
	var found record
	var unknown string
	err := s.find.QueryRowContext(ctx, id).Scan(&found.saved, &unknown)
	if errors.Is(err, sql.ErrNoRows) {
		return record{}, errNoUser
	}
	if err == nil {
		err = json.Unmarshal([]byte(unknown), &found.unknown)
	}
	return found, err
}

// write keeps a user; when it returns without an error, the user is on disk.
func (s *store) write(id string, kept record) error {
	unknown, err := json.Marshal(kept.unknown)
	if err != nil {
		return err
	}
	return s.committer.commit(change{id: id, saved: kept.saved, unknown: string(unknown)})
}

// forget removes a user; when it returns without an error, no restart brings them back.
func (s *store) forget(id string) error {
	return s.committer.commit(change{id: id})
}

// close may be called once no request uses the store any more.
func (s *store) close() error {
	var errs []error
	if s.committer != nil {
		s.committer.close()
	}
	for _, db := range []*sql.DB{s.reading, s.writing} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}
