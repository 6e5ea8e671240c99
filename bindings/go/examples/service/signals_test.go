package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Two models in turn, under load: no request fails, and all answers move along.
func TestModelsAreSwappedWithoutAFailedRequest(t *testing.T) {
	folder := folder(t)
	service := start(t, folder)
	c := newClient(t, service.address)
	everybody := crowd(t, c, 16)
	var over atomic.Bool
	var requests atomic.Int64
	var group sync.WaitGroup
	for _, p := range everybody {
		group.Add(1)
		go func() {
			defer group.Done()
			for !over.Load() {
				if err := p.act(); err != nil {
					t.Error(err)
					return
				}
				requests.Add(1)
			}
		}()
	}
	seen := map[any]bool{}
	for swap := range 10 {
		// Some requests with each model.
		for until := requests.Load() + 50; requests.Load() < until && !t.Failed(); {
			time.Sleep(time.Millisecond)
		}
		replaceModel(t, folder, []string{"positive_only", "choosing"}[swap%2])
		service.signal(t, syscall.SIGHUP)
		service.waitFor(t, "the old model is closed")
		seen[c.expect(t, http.StatusOK, "GET", "/healthz", "")["model"]] = true
	}
	replaceModel(t, folder, "")
	service.signal(t, syscall.SIGHUP)
	service.waitFor(t, "the old model stays")
	over.Store(true)
	group.Wait()
	if len(seen) != 2 {
		t.Errorf("models %v", seen)
	}
	for _, p := range everybody {
		p.check(t, c)
	}
	t.Logf("%d requests during 10 swaps", requests.Load())
	service.stop(t)
}

func TestRequestsInProgressFinishBeforeTheEnd(t *testing.T) {
	folder := folder(t)
	service := start(t, folder)
	p := crowd(t, newClient(t, service.address), 1)[0]
	body := `{"item":"item 5","rating":4.5}`
	connection, err := net.Dial("tcp", service.address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(patience))
	reader := bufio.NewReader(connection)
	fmt.Fprintf(connection, "POST /users/%s/answers HTTP/1.1\r\nHost: service\r\nContent-Length: %d\r\n"+
		"Expect: 100-continue\r\n\r\n", p.id, len(body))
	// The handler asks for the body: the request is in progress.
	if line, err := reader.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatal(line, err)
	}
	if line, err := reader.ReadString('\n'); err != nil || line != "\r\n" {
		t.Fatal(line, err)
	}
	service.signal(t, syscall.SIGTERM)
	service.waitFor(t, "stopping")
	for refused := false; !refused; {
		another, err := net.Dial("tcp", service.address)
		if refused = err != nil; !refused {
			another.Close()
		}
	}
	fmt.Fprint(connection, body)
	response, err := http.ReadResponse(reader, nil)
	if err != nil || response.StatusCode != http.StatusNoContent {
		t.Fatal(response, err)
	}
	if err := service.wait(t); err != nil {
		t.Fatal(err)
	}
	p.given["item 5"] = 4.5
	service = start(t, folder)
	p.check(t, newClient(t, service.address))
	service.stop(t)
}
