package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"testing"
)

// client sends requests over connections that stay.
type client struct {
	base string
	http *http.Client
}

func newClient(t testing.TB, address string) *client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{base: "http://" + address, http: &http.Client{Transport: transport, Timeout: patience}}
}

// send returns a response's status and JSON; an error is the connection's.
func (c *client) send(method, path, body string) (int, map[string]any, error) {
	request, err := http.NewRequest(method, c.base+path, bytes.NewBufferString(body))
	if err != nil {
		return 0, nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, err
	}
	said := map[string]any{}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &said); err != nil {
			return 0, nil, fmt.Errorf("%s %s: %d %q: %w", method, path, response.StatusCode, text, err)
		}
	}
	return response.StatusCode, said, nil
}

// expect fails the test unless the status is as expected.
func (c *client) expect(t testing.TB, status int, method, path, body string) map[string]any {
	t.Helper()
	got, said, err := c.send(method, path, body)
	if err != nil || got != status {
		t.Fatalf("%s %s %s: %d %v %v, not %d", method, path, body, got, said, err, status)
	}
	return said
}

// person is a user, and what the service acknowledged that they answered: a rating, or -1 for an
// item that they do not know.
type person struct {
	client *client
	random *rand.Rand
	id     string
	given  map[string]float64
	// pending is the item of an answer that was not acknowledged, and what it would leave.
	pending      string
	pendingValue float64
	requests     int
}

const (
	unknownAnswer = -1.0
	noAnswer      = 0.0
	items         = 40 // of the models that tests serve: "item 0" to "item 39"
)

func newPerson(c *client, seed uint64) (*person, error) {
	status, said, err := c.send("POST", "/users", `{}`)
	if err != nil || status != http.StatusCreated {
		return nil, fmt.Errorf("new user: %d %v %v", status, said, err)
	}
	return &person{
		client: c, random: rand.New(rand.NewPCG(21, seed)), id: said["user"].(string),
		given: map[string]float64{}, requests: 1,
	}, nil
}

// act sends one request of any kind, and remembers what was acknowledged.
func (p *person) act() error {
	item := itemID(p.random.IntN(items))
	p.requests++
	switch kind := p.random.IntN(10); {
	case kind < 5:
		rating := 1 + float64(p.random.IntN(9))/2
		return p.give(item, rating, "POST", "/answers", fmt.Sprintf(`{"item":%q,"rating":%g}`, item, rating))
	case kind < 6:
		return p.give(item, unknownAnswer, "POST", "/answers", fmt.Sprintf(`{"item":%q,"unknown":true}`, item))
	case kind < 7:
		if p.given[item] == noAnswer {
			return p.get("/answers")
		}
		return p.give(item, noAnswer, "DELETE", "/answers?item="+url.QueryEscape(item), "")
	case kind < 8:
		return p.get("/question")
	default:
		return p.get("/recommendations?count=10")
	}
}

func (p *person) give(item string, value float64, method, path, body string) error {
	p.pending, p.pendingValue = item, value
	status, said, err := p.client.send(method, "/users/"+p.id+path, body)
	if err != nil || status != http.StatusNoContent {
		return fmt.Errorf("%s %s %s: %d %v %v", method, path, body, status, said, err)
	}
	p.pending = ""
	p.set(item, value)
	return nil
}

func (p *person) set(item string, value float64) {
	if value == noAnswer {
		delete(p.given, item)
	} else {
		p.given[item] = value
	}
}

func (p *person) get(path string) error {
	status, said, err := p.client.send("GET", "/users/"+p.id+path, "")
	if err != nil || status != http.StatusOK {
		return fmt.Errorf("GET %s: %d %v %v", path, status, said, err)
	}
	return nil
}

// kept is what the service says that the user answered.
func (p *person) kept(t testing.TB, c *client) map[string]float64 {
	t.Helper()
	said := c.expect(t, http.StatusOK, "GET", "/users/"+p.id+"/answers", "")
	kept := map[string]float64{}
	for _, rated := range said["rated"].([]any) {
		kept[rated.(map[string]any)["item"].(string)] = rated.(map[string]any)["rating"].(float64)
	}
	for _, unknown := range said["unknown"].([]any) {
		item := unknown.(map[string]any)["item"].(string)
		if _, both := kept[item]; both {
			t.Errorf("%s is both rated and unknown", item)
		}
		kept[item] = unknownAnswer
	}
	return kept
}

// check fails unless all that was acknowledged is there. What was not may have been taken or not,
// and from here on counts as what it turned out to be.
func (p *person) check(t testing.TB, c *client) {
	t.Helper()
	kept := p.kept(t, c)
	if maps.Equal(kept, p.given) {
		p.pending = ""
		return
	}
	if p.pending != "" {
		p.set(p.pending, p.pendingValue)
		p.pending = ""
	}
	if !maps.Equal(kept, p.given) {
		t.Errorf("user %s: the service has %v, and acknowledged %v", p.id, kept, p.given)
	}
	p.client = c
}
