package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// served is the service inside the test's process.
type served struct {
	client  *client
	handler http.Handler
	store   *store
	site    string
}

// serve takes one of the package's models by its name, or another one by its path.
func serve(t testing.TB, name string) *served {
	t.Helper()
	if !strings.HasSuffix(name, ".melu") {
		name = filepath.Join("..", "..", "testdata", name+".melu")
	}
	s, measured := &served{site: t.TempDir()}, newMetrics()
	folder := t.TempDir()
	models, err := openModels(name, measured)
	if err == nil {
		s.store, err = openStore(filepath.Join(folder, "users ?%.db"), measured)
	}
	if err != nil {
		t.Fatal(err)
	}
	handler, err := newHandler(newPeople(s.store, measured), models, measured, s.site)
	if err != nil {
		t.Fatal(err)
	}
	s.handler = handler
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.Close()
		models.current.close()
		if err := s.store.close(); err != nil {
			t.Error(err)
		}
	})
	s.client = newClient(t, strings.TrimPrefix(server.URL, "http://"))
	return s
}
