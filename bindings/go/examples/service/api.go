package main

import (
	"errors"
	"log/slog"
	"math"
	"net/http"
	"os"
	"slices"
	"strconv"

	"github.com/melu-rs/melu/bindings/go"
)

const (
	// maxAnswers bounds what one user takes, on disk and to adapt to.
	maxAnswers   = 1000
	defaultCount = 20
	maxCount     = 1000
)

// service answers requests.
type service struct {
	people   *people
	models   *models
	measured *metrics
}

// newHandler serves the API, the metrics, and a folder of static files unless site is empty.
func newHandler(people *people, models *models, measured *metrics, site string) (http.Handler, error) {
	s := &service{people, models, measured}
	mux := http.NewServeMux()
	for route, handle := range map[string]endpoint{
		"POST /users":                       s.addUser,
		"DELETE /users/{user}":              s.forgetUser,
		"GET /users/{user}/question":        s.question,
		"GET /users/{user}/answers":         s.answers,
		"POST /users/{user}/answers":        s.answer,
		"DELETE /users/{user}/answers":      s.withdraw,
		"GET /users/{user}/recommendations": s.recommend,
		"GET /healthz":                      s.health,
	} {
		mux.Handle(route, s.with(handle))
	}
	mux.Handle("GET /metrics", measured.handler())
	if site != "" {
		// A root gives out nothing from beyond the folder, whatever links it has.
		root, err := os.OpenRoot(site)
		if err != nil {
			return nil, err
		}
		mux.Handle("GET /", http.FileServerFS(root.FS()))
	}
	return watch(mux, measured, maxInProgress), nil
}

// endpoint answers a request by a status and a body, from one model.
type endpoint func(*http.Request, *model) (int, any, error)

func (s *service) with(handle endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := s.models.acquire()
		defer m.inUse.Done()
		status, body, err := handle(r, m)
		if err == nil {
			respond(w, status, body)
			return
		}
		p := problemOf(err)
		if p.status >= http.StatusInternalServerError && r.Context().Err() == nil {
			slog.Error("failed", "route", r.Pattern, "error", err.Error())
		}
		respondProblem(w, p)
	})
}

func (s *service) addUser(r *http.Request, m *model) (int, any, error) {
	var asked struct {
		Profile map[string]any `json:"profile"`
	}
	if err := decode(r, &asked); err != nil {
		return 0, nil, err
	}
	profile, err := readProfile(asked.Profile)
	if err != nil {
		return 0, nil, err
	}
	user, err := m.catalog.NewUser(profile...)
	if err != nil {
		return 0, nil, err
	}
	defer user.Close()
	// A form and a model that spell a value differently make everybody a user without it.
	values, err := user.UnknownProfile()
	if err != nil {
		return 0, nil, err
	}
	unknown := []string{}
	for _, value := range values {
		unknown = append(unknown, value.Field())
		s.measured.unknownValues.Inc()
		slog.Warn("unknown profile value", "field", value.Field(), "value", value.Text())
	}
	id, err := s.people.add(user)
	return http.StatusCreated, map[string]any{"user": id, "unknown": unknown}, err
}

func (s *service) forgetUser(r *http.Request, _ *model) (int, any, error) {
	return http.StatusNoContent, nil, s.people.forget(r.Context(), r.PathValue("user"))
}

func (s *service) question(r *http.Request, m *model) (int, any, error) {
	kept, user, err := s.people.load(r.Context(), m, r.PathValue("user"))
	if err != nil {
		return 0, nil, err
	}
	defer user.Close()
	questions, err := m.takeQuestions()
	if err != nil {
		return 0, nil, err
	}
	defer m.returnQuestions(questions)
	next, err := user.NextQuestion(questions, melu.Asked{Unknown: found(m, kept.unknown)})
	if errors.Is(err, melu.ErrNotFound) { // nothing is left to ask
		return http.StatusOK, map[string]any{"question": nil}, nil
	}
	if err != nil {
		return 0, nil, err
	}
	item, err := describe(m, next.Item)
	return http.StatusOK, map[string]any{"question": item}, err
}

func (s *service) recommend(r *http.Request, m *model) (int, any, error) {
	count := defaultCount
	if text := r.URL.Query().Get("count"); text != "" {
		var err error
		if count, err = strconv.Atoi(text); err != nil || count < 1 || count > maxCount {
			return 0, nil, badRequest("count must be from 1 to %d", maxCount)
		}
	}
	_, user, err := s.people.load(r.Context(), m, r.PathValue("user"))
	if err != nil {
		return 0, nil, err
	}
	defer user.Close()
	best, err := user.AppendBest(nil, count, melu.RecommendOptions{})
	if err != nil {
		return 0, nil, err
	}
	items := make([]item, 0, len(best))
	for _, found := range best {
		described, err := describe(m, found.Item)
		if err != nil {
			return 0, nil, err
		}
		described.Rating, described.Deviation = number(found.Rating), number(found.Deviation)
		items = append(items, described)
	}
	return http.StatusOK, map[string]any{"items": items}, nil
}

func (s *service) health(r *http.Request, m *model) (int, any, error) {
	// Nobody has this id: what counts is that the database answers.
	if _, err := s.people.store.read(r.Context(), ""); !errors.Is(err, errNoUser) {
		return 0, nil, err
	}
	return http.StatusOK, map[string]any{
		"status": "ok", "model": m.fingerprint, "items": m.catalog.Len(),
	}, nil
}

// item is an item as a client sees it.
type item struct {
	Item      string   `json:"item"`
	Title     string   `json:"title"`
	Rating    *float32 `json:"rating,omitempty"`
	Deviation *float32 `json:"deviation,omitempty"`
}

func describe(m *model, index uint32) (item, error) {
	id, err := m.catalog.ID(index)
	title, titleErr := m.catalog.Title(index)
	return item{Item: id, Title: title}, errors.Join(err, titleErr)
}

// number is nil for what the model does not know, which JSON has no number for.
func number(value float32) *float32 {
	if math.IsNaN(float64(value)) {
		return nil
	}
	return &value
}

// found are the items that the model has, of those that have these ids.
func found(m *model, ids []string) []uint32 {
	var items []uint32
	for _, id := range ids {
		if index, err := m.catalog.Find(id); err == nil {
			items = append(items, index)
		}
	}
	return items
}

// readProfile takes strings, numbers, and lists of strings for fields with several values.
func readProfile(given map[string]any) ([]melu.Value, error) {
	var profile []melu.Value
	fields := make([]string, 0, len(given))
	for field := range given {
		fields = append(fields, field)
	}
	slices.Sort(fields)
	for _, field := range fields {
		values, several := given[field].([]any)
		if !several {
			values = []any{given[field]}
		}
		for _, value := range values {
			switch value := value.(type) {
			case string:
				profile = append(profile, melu.Name(field, value))
			case float64:
				profile = append(profile, melu.Number(field, float32(value)))
			default:
				return nil, badRequest("%q must be a string, a number or a list of them", field)
			}
		}
	}
	return profile, nil
}
