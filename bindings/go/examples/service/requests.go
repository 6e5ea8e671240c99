package main

import (
	"log/slog"
	"net/http"
	"strconv"
	"time"
)

const (
	// maxBody is far more than a profile or an answer takes.
	maxBody = 64 << 10
	// maxInProgress is when more requests would only wait for each other. Those beyond are
	// told to come back, before they take memory.
	maxInProgress = 512
)

// watch limits, measures and logs the requests of a mux, and says its 404 and 405 in JSON. A
// user's id opens what they answered, so that the log has the route instead of the path.
func watch(mux *http.ServeMux, measured *metrics, limit int) http.Handler {
	places := make(chan struct{}, limit)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		measured.inProgress.Inc()
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		handler, route := mux.Handler(r)
		answer := &answer{ResponseWriter: w}
		defer func() {
			measured.inProgress.Dec()
			took := time.Since(begin)
			measured.requests.WithLabelValues(route, strconv.Itoa(answer.status)).Observe(took.Seconds())
			slog.Info("request", "method", r.Method, "route", route, "status", answer.status, "seconds", took.Seconds())
		}()
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
		default:
			respondProblem(answer, &problem{http.StatusServiceUnavailable, "busy", "too many requests; try again"})
			return
		}
		if route == "" {
			route = "none"
			refuse(handler, answer, r)
			return
		}
		mux.ServeHTTP(answer, r)
	})
}

// answer remembers a response's status. A handler that panics has said none: net/http closes the
// connection then.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(body []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(body)
}

// Unwrap is for [http.ResponseController].
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// refuse says what a mux says of a request that none of its routes takes.
func refuse(mux http.Handler, w http.ResponseWriter, r *http.Request) {
	said := &headOnly{header: http.Header{}}
	mux.ServeHTTP(said, r)
	if said.status == http.StatusMethodNotAllowed {
		allowed := said.header.Get("Allow")
		w.Header().Set("Allow", allowed)
		respondProblem(w, &problem{said.status, "bad_method", "the methods here are " + allowed})
		return
	}
	respondProblem(w, &problem{http.StatusNotFound, "unknown_path", "there is nothing here"})
}

// headOnly is a response without its body.
type headOnly struct {
	header http.Header
	status int
}

func (h *headOnly) Header() http.Header            { return h.header }
func (h *headOnly) WriteHeader(status int)         { h.status = status }
func (h *headOnly) Write(body []byte) (int, error) { return len(body), nil }
