package main

import (
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// largestCommit is how many changes one transaction takes at most, so that none waits long for
// the others.
const largestCommit = 256

// errNotStored: a change could not be written, and may be tried again.
var errNotStored = errors.New("the change could not be stored")

// change is a user as they are to be kept; without saved bytes, they are to be forgotten.
type change struct {
	id      string
	saved   []byte
	unknown string
	done    chan error
}

// committer writes the changes of all requests. Waiting for the disk is what takes long, so that
// changes that come meanwhile share the next transaction.
type committer struct {
	db          *sql.DB
	put, remove *sql.Stmt
	changes     chan change
	stopped     chan struct{}
	measured    *metrics
}

func newCommitter(db *sql.DB, measured *metrics) (*committer, error) {
	put, err := db.Prepare(`INSERT INTO users (id, saved, unknown) VALUES (?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET saved = excluded.saved, unknown = excluded.unknown`)
	if err != nil {
		return nil, err
	}
	remove, err := db.Prepare("DELETE FROM users WHERE id = ?")
	if err != nil {
		return nil, err
	}
	c := &committer{
		db: db, put: put, remove: remove, measured: measured,
		changes: make(chan change), stopped: make(chan struct{}),
	}
	go c.run()
	return c, nil
}

// commit returns when the change is on disk, or cannot be written.
func (c *committer) commit(wanted change) error {
	wanted.done = make(chan error, 1)
	c.changes <- wanted
	return <-wanted.done
}

// close may be called once nobody calls commit any more.
func (c *committer) close() {
	close(c.changes)
	<-c.stopped
}

func (c *committer) run() {
	defer close(c.stopped)
	var batch []change
	for first := range c.changes {
		batch = c.waiting(append(batch[:0], first))
		begin := time.Now()
		err := c.write(batch)
		c.measured.commitSeconds.Observe(time.Since(begin).Seconds())
		c.measured.commitChanges.Observe(float64(len(batch)))
		for _, written := range batch {
			written.done <- err
		}
	}
}

// waiting adds the changes that wait already.
func (c *committer) waiting(batch []change) []change {
	for len(batch) < largestCommit {
		select {
		case next, open := <-c.changes:
			if !open {
				return batch
			}
			batch = append(batch, next)
		default:
			return batch
		}
	}
	return batch
}

// write makes all changes in one transaction, or none.
func (c *committer) write(batch []change) error {
	tx, err := c.db.Begin()
	if err != nil {
		return fmt.Errorf("%w: %w", errNotStored, err)
	}
	defer tx.Rollback()
	put, remove := tx.Stmt(c.put), tx.Stmt(c.remove)
	for _, wanted := range batch {
		if wanted.saved == nil {
			_, err = remove.Exec(wanted.id)
		} else {
			_, err = put.Exec(wanted.id, wanted.saved, wanted.unknown)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errNotStored, err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("%w: %w", errNotStored, err)
	}
	return nil
}
