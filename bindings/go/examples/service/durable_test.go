package main

import (
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// crowd makes people.
func crowd(t testing.TB, c *client, count int) []*person {
	t.Helper()
	people := make([]*person, count)
	for i := range people {
		var err error
		if people[i], err = newPerson(c, uint64(i)); err != nil {
			t.Fatal(err)
		}
	}
	return people
}

func TestARestartChangesNothing(t *testing.T) {
	folder := folder(t)
	service := start(t, folder)
	c := newClient(t, service.address)
	p := crowd(t, c, 1)[0]
	for range 100 {
		if err := p.act(); err != nil {
			t.Fatal(err)
		}
	}
	path := "/users/" + p.id + "/recommendations"
	before := c.expect(t, http.StatusOK, "GET", path, "")
	question := c.expect(t, http.StatusOK, "GET", "/users/"+p.id+"/question", "")
	service.stop(t)

	c = newClient(t, start(t, folder).address)
	p.check(t, c)
	if after := c.expect(t, http.StatusOK, "GET", path, ""); !same(before, after) {
		t.Errorf("recommended %v, and before %v", after, before)
	}
	if after := c.expect(t, http.StatusOK, "GET", "/users/"+p.id+"/question", ""); !same(question, after) {
		t.Errorf("asked %v, and before %v", after, question)
	}
}

// The service is killed in the middle of whatever it is doing, again and again.
func TestKillLosesNoAcknowledgedAnswer(t *testing.T) {
	folder := folder(t)
	const rounds, people, requests = 5, 16, 400
	service := start(t, folder)
	everybody := crowd(t, newClient(t, service.address), people)
	for round := range rounds {
		c := newClient(t, service.address)
		var count atomic.Int64
		var kill sync.Once
		var group sync.WaitGroup
		for _, p := range everybody {
			p.client = c
			group.Add(1)
			go func() {
				defer group.Done()
				// Until the connection breaks.
				for p.act() == nil {
					if count.Add(1) == requests {
						kill.Do(func() { service.signal(t, syscall.SIGKILL) })
					}
				}
			}()
		}
		group.Wait()
		if count.Load() < requests {
			t.Fatalf("a request failed before the service was killed, after %d", count.Load())
		}
		if err := service.wait(t); err == nil {
			t.Fatal("the service was not killed")
		}
		service = start(t, folder)
		after := newClient(t, service.address)
		answers := 0
		for _, p := range everybody {
			p.check(t, after)
			answers += len(p.given)
		}
		t.Logf("killed after %d requests in round %d: all of %d answers are there", count.Load(), round, answers)
	}
	service.stop(t)
}

// As from several tabs: each request reads the user and writes it back.
func TestAnswersOfOneUserAtTheSameTimeAreAllKept(t *testing.T) {
	c := serve(t, "choosing").client
	p := crowd(t, c, 1)[0]
	var group sync.WaitGroup
	for i := range items {
		group.Add(1)
		go func() {
			defer group.Done()
			body := fmt.Sprintf(`{"item":%q,"rating":%d}`, itemID(i), 1+i%5)
			if status, said, err := c.send("POST", "/users/"+p.id+"/answers", body); status != http.StatusNoContent {
				t.Error(status, said, err)
			}
		}()
		p.given[itemID(i)] = float64(1 + i%5)
	}
	group.Wait()
	p.check(t, c)
}

func TestAChangeThatCannotBeStoredIsNotAcknowledged(t *testing.T) {
	s := serve(t, "choosing")
	p := crowd(t, s.client, 1)[0]
	if err := p.give("item 3", 4, "POST", "/answers", `{"item":"item 3","rating":4}`); err != nil {
		t.Fatal(err)
	}
	// As on a full disk.
	var pages int
	if err := s.store.writing.QueryRow("PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	limit := func(pages int) {
		t.Helper()
		var now int
		if err := s.store.writing.QueryRow("PRAGMA max_page_count = " + itoa(pages)).Scan(&now); err != nil {
			t.Fatal(err)
		}
	}
	limit(pages)
	made := []string{p.id}
	for {
		status, said, err := s.client.send("POST", "/users", `{}`)
		if err != nil {
			t.Fatal(err)
		}
		if status == http.StatusCreated {
			made = append(made, said["user"].(string))
			continue
		}
		if code(said) != "not_stored" || status != http.StatusServiceUnavailable {
			t.Fatalf("%d %v", status, said)
		}
		break
	}
	p.check(t, s.client)
	limit(pages + 100)
	for _, id := range made {
		s.client.expect(t, http.StatusNoContent, "POST", "/users/"+id+"/answers", `{"item":"item 7","rating":2}`)
	}
}

func TestNobodyElseReadsTheUsers(t *testing.T) {
	folder := folder(t)
	service := start(t, folder)
	crowd(t, newClient(t, service.address), 1)
	files, err := filepath.Glob(filepath.Join(folder, "users.db*"))
	if err != nil || len(files) < 4 {
		t.Errorf("%v %v", files, err)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", file, info.Mode(), err)
		}
	}
	service.stop(t)
}

func TestOtherProgramsDatabasesAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.db")
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE TABLE users (name TEXT)"); err != nil {
		t.Fatal(err)
	}
	if _, err := openStore(path, newMetrics()); err == nil || !strings.Contains(err.Error(), "user_version is 0 instead of 1") {
		t.Errorf("%v", err)
	}
}

func TestAcknowledgedMeansOnDisk(t *testing.T) {
	s := serve(t, "choosing")
	var journal string
	var synchronous int
	if err := s.store.writing.QueryRow("PRAGMA journal_mode").Scan(&journal); err != nil {
		t.Fatal(err)
	}
	if err := s.store.writing.QueryRow("PRAGMA synchronous").Scan(&synchronous); err != nil {
		t.Fatal(err)
	}
	if journal != "wal" || synchronous != 2 {
		t.Errorf("journal %s, synchronous %d", journal, synchronous)
	}
}
