package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"

	"github.com/melu-rs/melu/bindings/go"
)

// problem is an error that the client is told of, as {"error": {"code": …, "message": …}}. Codes
// are for programs, and stay; messages are for people.
type problem struct {
	status  int
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (p *problem) Error() string { return p.Message }

func badRequest(format string, values ...any) *problem {
	return &problem{http.StatusBadRequest, "bad_request", fmt.Sprintf(format, values...)}
}

func unknownItem(id string) *problem {
	return &problem{http.StatusNotFound, "unknown_item", fmt.Sprintf("there is no item %q", id)}
}

// problemOf says what to tell the client of an error. What is not the client's fault is for the
// log alone.
func problemOf(err error) *problem {
	var known *problem
	var tooLarge *http.MaxBytesError
	var native *melu.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &tooLarge):
		message := fmt.Sprintf("the body has more than %d bytes", tooLarge.Limit)
		return &problem{http.StatusRequestEntityTooLarge, "too_large", message}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &problem{http.StatusRequestTimeout, "timeout", "the body did not come in time"}
	case errors.Is(err, errNoUser):
		return &problem{http.StatusNotFound, "unknown_user", errNoUser.Error()}
	case errors.Is(err, errNotStored):
		return &problem{http.StatusServiceUnavailable, "not_stored", errNotStored.Error() + "; try again"}
	case errors.As(err, &native):
		switch native.Status {
		case melu.ErrRating, melu.ErrDiverged:
			return &problem{http.StatusBadRequest, "bad_rating", native.Message}
		case melu.ErrUnknownField, melu.ErrFieldValue, melu.ErrInvalidArgument:
			return &problem{http.StatusBadRequest, "bad_profile", native.Message}
		case melu.ErrNotAvailable:
			return &problem{http.StatusNotImplemented, "not_available", native.Message}
		}
	}
	return &problem{http.StatusInternalServerError, "internal", "something failed; the log says what"}
}

// decode reads a body that must be one JSON object with known keys alone, so that a misspelt one
// is not an answer that was never taken.
func decode(r *http.Request, into any) error {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	if err == nil {
		if _, err = decoder.Token(); err == io.EOF {
			return nil
		}
		if err == nil {
			err = errors.New("something follows the object")
		}
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	if err == io.EOF {
		err = errors.New("it is empty")
	}
	return badRequest("the body is not the JSON that it should be: %v", err)
}

// respond writes a body as JSON; nil is no body.
func respond(w http.ResponseWriter, status int, body any) {
	if body == nil {
		w.WriteHeader(status)
		return
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		slog.Error("a response that JSON cannot write", "error", err.Error())
		http.Error(w, `{"error":{"code":"internal","message":"something failed; the log says what"}}`,
			http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(text.Bytes())
}

func respondProblem(w http.ResponseWriter, p *problem) {
	if p.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	respond(w, p.status, map[string]*problem{"error": p})
}
