package main

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/melu-rs/melu/bindings/go"
)

// answers returns what a user answered, of the items that there are today.
func (s *service) answers(r *http.Request, m *model) (int, any, error) {
	kept, user, err := s.people.load(r.Context(), m, r.PathValue("user"))
	if err != nil {
		return 0, nil, err
	}
	defer user.Close()
	items, ratings, err := user.AppendRated(nil, nil)
	if err != nil {
		return 0, nil, err
	}
	rated, unknown := make([]item, 0, len(items)), []item{}
	for i, index := range items {
		described, err := describe(m, index)
		if err != nil {
			return 0, nil, err
		}
		described.Rating = &ratings[i]
		rated = append(rated, described)
	}
	for _, index := range found(m, kept.unknown) {
		described, err := describe(m, index)
		if err != nil {
			return 0, nil, err
		}
		unknown = append(unknown, described)
	}
	return http.StatusOK, map[string]any{"rated": rated, "unknown": unknown}, nil
}

// answer takes a rating, which replaces an earlier one, or "I don't know it". The same answer may
// be sent again.
func (s *service) answer(r *http.Request, m *model) (int, any, error) {
	var given struct {
		Item    string   `json:"item"`
		Rating  *float32 `json:"rating"`
		Unknown bool     `json:"unknown"`
	}
	if err := decode(r, &given); err != nil {
		return 0, nil, err
	}
	if (given.Rating != nil) == given.Unknown {
		return 0, nil, badRequest(`an answer has either "rating" or "unknown": true`)
	}
	index, err := m.catalog.Find(given.Item)
	if err != nil {
		return 0, nil, unknownItem(given.Item)
	}
	edit := func(kept *record, user *melu.User) error {
		kept.unknown = slices.DeleteFunc(kept.unknown, func(id string) bool { return id == given.Item })
		if given.Rating != nil {
			if err := user.Rate(index, *given.Rating); err != nil {
				return err
			}
		} else {
			if err := user.Withdraw(index); err != nil && !errors.Is(err, melu.ErrNotFound) {
				return err
			}
			kept.unknown = append(kept.unknown, given.Item)
		}
		rated, _, err := user.AppendRated(nil, nil)
		return errors.Join(err, fits(kept, len(rated)))
	}
	err = s.people.change(r.Context(), m, r.PathValue("user"), edit)
	return http.StatusNoContent, nil, err
}

// fits refuses a user with more answers than any person gives.
func fits(kept *record, rated int) error {
	if rated+len(kept.unknown) <= maxAnswers {
		return nil
	}
	message := fmt.Sprintf("a user has at most %d answers", maxAnswers)
	return &problem{http.StatusConflict, "too_many_answers", message}
}

// withdraw takes back a rating or an "I don't know it".
func (s *service) withdraw(r *http.Request, m *model) (int, any, error) {
	id := r.URL.Query().Get("item")
	index, err := m.catalog.Find(id)
	if err != nil {
		return 0, nil, unknownItem(id)
	}
	edit := func(kept *record, user *melu.User) error {
		place := slices.Index(kept.unknown, id)
		if place >= 0 {
			kept.unknown = slices.Delete(kept.unknown, place, place+1)
			return nil
		}
		err := user.Withdraw(index)
		if errors.Is(err, melu.ErrNotFound) {
			message := fmt.Sprintf("the user has no answer about %q", id)
			return &problem{http.StatusNotFound, "no_answer", message}
		}
		return err
	}
	err = s.people.change(r.Context(), m, r.PathValue("user"), edit)
	return http.StatusNoContent, nil, err
}
