// Command stateless recommends to people it has never seen: answers in, recommendations out.
//
//	stateless [-address localhost:8080] MODEL
//
// Each request makes a user and forgets it; the catalogue is shared by all requests. On SIGHUP
// the service opens the weight file anew, and requests in progress finish with the old one.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/melu-rs/melu/bindings/go"
)

type request struct {
	Profile map[string]any `json:"profile"`
	Answers []struct {
		Item   string  `json:"item"`
		Rating float32 `json:"rating"`
	} `json:"answers"`
	Unknown []string `json:"unknown"` // what the user was asked about and did not know
	Count   int      `json:"count"`
}

type item struct {
	ID     string   `json:"id"`
	Title  string   `json:"title"`
	Rating *float32 `json:"rating,omitempty"`
}

// errRequest is a mistake of the client's.
var errRequest = errors.New("bad request")

func open(path string) (*melu.Catalog, error) {
	model, err := melu.Open(path)
	if err != nil {
		return nil, err
	}
	defer model.Close() // the catalogue keeps what it needs
	return model.Catalog()
}

func find(catalog *melu.Catalog, id string) (uint32, error) {
	index, err := catalog.Find(id)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errRequest, err)
	}
	return index, nil
}

func describe(catalog *melu.Catalog, index uint32) (item, error) {
	id, err := catalog.ID(index)
	title, titleErr := catalog.Title(index)
	return item{ID: id, Title: title}, errors.Join(err, titleErr)
}

// newUser makes the user of a request, with their profile and answers.
func newUser(catalog *melu.Catalog, asked request) (*melu.User, error) {
	var profile []melu.Value
	for _, field := range slices.Sorted(maps.Keys(asked.Profile)) {
		switch value := asked.Profile[field].(type) {
		case string:
			profile = append(profile, melu.Name(field, value))
		case float64:
			profile = append(profile, melu.Number(field, float32(value)))
		default:
			return nil, fmt.Errorf("%w: %q must be a string or a number", errRequest, field)
		}
	}
	var items []uint32
	var ratings []float32
	for _, answer := range asked.Answers {
		index, err := find(catalog, answer.Item)
		if err != nil {
			return nil, err
		}
		items, ratings = append(items, index), append(ratings, answer.Rating)
	}
	user, err := catalog.NewUser(profile...)
	if err != nil {
		return nil, err
	}
	if err := user.Adapt(items, ratings); err != nil {
		user.Close()
		return nil, err
	}
	return user, nil
}

func recommend(catalog *melu.Catalog, user *melu.User, asked request) (any, error) {
	if asked.Count == 0 {
		asked.Count = 20
	}
	if asked.Count < 1 || asked.Count > 1000 {
		return nil, fmt.Errorf("%w: count must be from 1 to 1000", errRequest)
	}
	best, err := user.AppendBest(nil, asked.Count, melu.RecommendOptions{})
	if err != nil {
		return nil, err
	}
	items := []item{}
	for _, found := range best {
		described, err := describe(catalog, found.Item)
		if err != nil {
			return nil, err
		}
		if !math.IsNaN(float64(found.Rating)) { // as it is without a head for ratings
			described.Rating = &found.Rating
		}
		items = append(items, described)
	}
	return map[string]any{"items": items}, nil
}

func question(catalog *melu.Catalog, user *melu.User, asked request) (any, error) {
	var unknown []uint32
	for _, id := range asked.Unknown {
		index, err := find(catalog, id)
		if err != nil {
			return nil, err
		}
		unknown = append(unknown, index)
	}
	questions, err := catalog.NewQuestions()
	if err != nil {
		return nil, err
	}
	defer questions.Close()
	next, err := user.NextQuestion(questions, melu.Asked{Unknown: unknown})
	if errors.Is(err, melu.ErrNotFound) { // nothing is left to ask
		return map[string]any{"question": nil}, nil
	}
	if err != nil {
		return nil, err
	}
	described, err := describe(catalog, next.Item)
	return map[string]any{"question": described}, err
}

type service struct{ catalog atomic.Pointer[melu.Catalog] }

type handler func(*melu.Catalog, *melu.User, request) (any, error)

func (s *service) answer(r *http.Request, handle handler) (any, error) {
	var asked request
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		return nil, fmt.Errorf("%w: %w", errRequest, err)
	}
	catalog := s.catalog.Load()
	user, err := newUser(catalog, asked)
	if err != nil {
		return nil, err
	}
	defer user.Close()
	unknown, err := user.UnknownProfile()
	if err != nil {
		return nil, err
	}
	for _, value := range unknown {
		slog.Warn("unknown profile value", "field", value.Field(), "value", value.Text())
	}
	return handle(catalog, user, asked)
}

func (s *service) handle(handle handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		body, err := s.answer(r, handle)
		status := http.StatusOK
		if err != nil {
			status, body = http.StatusInternalServerError, map[string]any{"error": err.Error()}
			for _, mistake := range []error{
				errRequest, melu.ErrRating, melu.ErrDiverged, melu.ErrUnknownField, melu.ErrFieldValue,
			} {
				if errors.Is(err, mistake) {
					status = http.StatusBadRequest
				}
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(body)
		slog.Info(r.URL.Path, "status", status, "took", time.Since(begin), "error", err)
	}
}

func main() {
	address := flag.String("address", "localhost:8080", "where to listen")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: stateless [-address HOST:PORT] MODEL")
		os.Exit(2)
	}
	path := flag.Arg(0)
	catalog, err := open(path)
	if err != nil {
		slog.Error("no model", "error", err)
		os.Exit(1)
	}
	var s service
	s.catalog.Store(catalog)

	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGHUP)
	go func() {
		for range again {
			catalog, err := open(path)
			if err != nil {
				slog.Error("the old model stays", "error", err)
				continue
			}
			// What is still in use is freed when it no longer is.
			s.catalog.Store(catalog)
			slog.Info("new model", "items", catalog.Len())
		}
	}()

	http.HandleFunc("POST /recommendations", s.handle(recommend))
	http.HandleFunc("POST /question", s.handle(question))
	slog.Info("listening", "address", *address, "items", catalog.Len(), "kernel", melu.Kernel())
	slog.Error("stopped", "error", http.ListenAndServe(*address, nil))
	os.Exit(1)
}
