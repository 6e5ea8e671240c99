package main

import (
	"context"
	"crypto/rand"
	"hash/maphash"
	"sync"

	"github.com/melu-rs/melu/bindings/go"
)

// people are the users as requests see them. A request loads the user that it is about into its
// own model, so that the store alone knows how things stand, and a new model finds all of them.
// Loading adapts, in some thirty microseconds, which spares a cache that could differ.
type people struct {
	store    *store
	measured *metrics
	seed     maphash.Seed
	locks    [1024]sync.Mutex
}

func newPeople(store *store, measured *metrics) *people {
	return &people{store: store, measured: measured, seed: maphash.MakeSeed()}
}

// lock lets nobody else change the user, nor some thousandth of the others.
func (p *people) lock(id string) *sync.Mutex {
	lock := &p.locks[maphash.String(p.seed, id)%uint64(len(p.locks))]
	lock.Lock()
	return lock
}

// add keeps a new user, and returns their id, which nobody can guess.
func (p *people) add(user *melu.User) (string, error) {
	saved, err := user.MarshalBinary()
	if err != nil {
		return "", err
	}
	id := rand.Text()
	return id, p.store.write(id, record{saved: saved, unknown: []string{}})
}

// load returns what is kept of a user, and the user, who is to be closed.
func (p *people) load(ctx context.Context, m *model, id string) (record, *melu.User, error) {
	kept, err := p.store.read(ctx, id)
	if err != nil {
		return record{}, nil, err
	}
	user, report, err := m.catalog.LoadUser(kept.saved)
	if err != nil {
		return record{}, nil, err
	}
	if report.AdaptedAnew {
		p.measured.adaptedAnew.Inc()
	}
	return kept, user, nil
}

// change lets edit change a user, and keeps what comes of it. With an error nothing has changed.
func (p *people) change(ctx context.Context, m *model, id string, edit func(*record, *melu.User) error) error {
	defer p.lock(id).Unlock()
	kept, user, err := p.load(ctx, m, id)
	if err != nil {
		return err
	}
	defer user.Close()
	if err := edit(&kept, user); err != nil {
		return err
	}
	if kept.saved, err = user.MarshalBinary(); err != nil {
		return err
	}
	return p.store.write(id, kept)
}

// forget removes a user.
func (p *people) forget(ctx context.Context, id string) error {
	defer p.lock(id).Unlock()
	if _, err := p.store.read(ctx, id); err != nil {
		return err
	}
	return p.store.forget(id)
}
