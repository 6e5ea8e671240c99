//go:build cgo

package melu

import (
	"runtime"
	"sync"
)

// handle holds what C made, and frees it when it is closed, or else when nobody has its
// owner any more.
//
// A method that calls C takes the pointer by use, and keeps the owner alive until after
// the call: the cleanup may run as soon as the owner is not used any more.
type handle[P comparable] struct {
	pointer P
	cleanup runtime.Cleanup
}

func (h *handle[P]) own(pointer P, free func(P)) {
	h.pointer = pointer
	h.cleanup = runtime.AddCleanup(h, func(pointer P) {
		freed(pointer)
		free(pointer)
	}, pointer)
}

func (h *handle[P]) use() (P, error) {
	pointer := h.pointer
	var none P
	if pointer == none {
		return none, ErrClosed
	}
	beforeCall(pointer)
	return pointer, nil
}

func (h *handle[P]) close(free func(P)) {
	var none P
	if h.pointer == none {
		return
	}
	h.cleanup.Stop()
	free(h.pointer)
	h.pointer = none
}

// shared is a handle that any number of goroutines may use at once; closing it waits for
// them.
type shared[P comparable] struct {
	mutex sync.RWMutex
	handle[P]
}

// use returns the pointer with the handle locked for reading: done must follow.
func (s *shared[P]) use() (P, error) {
	s.mutex.RLock()
	pointer, err := s.handle.use()
	if err != nil {
		s.mutex.RUnlock()
	}
	return pointer, err
}

// done ends what use began, and keeps the owner alive until then.
func (s *shared[P]) done() { s.mutex.RUnlock() }

func (s *shared[P]) close(free func(P)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.handle.close(free)
}
