package main

import (
	"cmp"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestLoad prints what the service does on this machine, where the clients run too, with the
// users on a real disk. MELU_MODEL names another model than the tests' own, which is tiny.
func TestLoad(t *testing.T) {
	const connections, lasting = 32, 5 * time.Second
	s := serve(t, cmp.Or(os.Getenv("MELU_MODEL"), "choosing"))
	var mutex sync.Mutex
	times := map[string][]time.Duration{}
	var group sync.WaitGroup
	end := time.Now().Add(lasting)
	for range connections {
		group.Add(1)
		go func() {
			defer group.Done()
			own := map[string][]time.Duration{}
			if err := interviews(s.client, end, own); err != nil {
				t.Error(err)
			}
			mutex.Lock()
			defer mutex.Unlock()
			for kind, took := range own {
				times[kind] = append(times[kind], took...)
			}
		}()
	}
	group.Wait()
	var all []time.Duration
	for _, took := range times {
		all = append(all, took...)
	}
	times["all"] = all
	for _, kind := range []string{"new user", "question", "answer", "recommendations", "all"} {
		took := times[kind]
		if len(took) == 0 {
			t.Fatalf("no %s", kind)
		}
		slices.Sort(took)
		at := func(share float64) time.Duration {
			return took[int(share*float64(len(took)-1))].Round(10 * time.Microsecond)
		}
		t.Logf("%-15s %7.0f/s  p50 %8s  p99 %8s", kind, float64(len(took))/lasting.Seconds(), at(.5), at(.99))
	}
	_, metrics := text(t, s.client, "/metrics")
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(line, "melu_commit_seconds_count") || strings.HasPrefix(line, "melu_commit_changes_sum") {
			t.Log(strings.TrimSpace(line))
		}
	}
}

// interviews are what users do: sign up, ten questions and answers, a list after each.
func interviews(c *client, end time.Time, took map[string][]time.Duration) error {
	timed := func(kind string, want int, method, path, body string) (map[string]any, error) {
		begin := time.Now()
		status, said, err := c.send(method, path, body)
		took[kind] = append(took[kind], time.Since(begin))
		if err == nil && status != want {
			err = &problem{Message: method + " " + path + ": " + itoa(status)}
		}
		return said, err
	}
	for time.Now().Before(end) {
		said, err := timed("new user", http.StatusCreated, "POST", "/users", `{}`)
		if err != nil {
			return err
		}
		path := "/users/" + said["user"].(string)
		for round := 0; round < 10 && time.Now().Before(end); round++ {
			said, err := timed("question", http.StatusOK, "GET", path+"/question", "")
			if err != nil {
				return err
			}
			item := said["question"].(map[string]any)["item"].(string)
			body := `{"item":"` + item + `","rating":` + itoa(1+round%5) + `}`
			if _, err := timed("answer", http.StatusNoContent, "POST", path+"/answers", body); err != nil {
				return err
			}
			if _, err := timed("recommendations", http.StatusOK, "GET", path+"/recommendations", ""); err != nil {
				return err
			}
		}
	}
	return nil
}
