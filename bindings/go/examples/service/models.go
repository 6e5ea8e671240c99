package main

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/melu-rs/melu/bindings/go"
)

// spareQuestions is how many [melu.Questions] a model keeps for later requests.
const spareQuestions = 16

// model is an opened weight file, its catalogue, and the requests that use it.
type model struct {
	catalog     *melu.Catalog
	fingerprint string
	questions   chan *melu.Questions
	inUse       sync.WaitGroup
}

func openModel(path string) (*model, error) {
	opened, err := melu.Open(path)
	if err != nil {
		return nil, err
	}
	defer opened.Close() // the catalogue keeps what it needs
	details, err := opened.Details()
	if err != nil {
		return nil, err
	}
	catalog, err := opened.Catalog()
	if err != nil {
		return nil, err
	}
	return &model{
		catalog:     catalog,
		fingerprint: fmt.Sprintf("%016x", details.Fingerprint),
		questions:   make(chan *melu.Questions, spareQuestions),
	}, nil
}

// takeQuestions lends what questions are chosen in, which one goroutine at a time may use.
func (m *model) takeQuestions() (*melu.Questions, error) {
	select {
	case questions := <-m.questions:
		return questions, nil
	default:
		return m.catalog.NewQuestions()
	}
}

func (m *model) returnQuestions(questions *melu.Questions) {
	select {
	case m.questions <- questions:
	default:
		questions.Close()
	}
}

// close frees the model once nobody uses it, without waiting for the garbage collector, which
// does not know how large it is.
func (m *model) close() {
	m.inUse.Wait()
	close(m.questions)
	for questions := range m.questions {
		questions.Close()
	}
	m.catalog.Close()
}

// models has the model of today, which another one may replace at any time.
type models struct {
	path     string
	measured *metrics
	mutex    sync.RWMutex
	current  *model
}

func openModels(path string, measured *metrics) (*models, error) {
	opened, err := openModel(path)
	if err != nil {
		return nil, err
	}
	m := &models{path: path, measured: measured, current: opened}
	m.announce(opened)
	return m, nil
}

func (m *models) announce(opened *model) {
	m.measured.items.Set(float64(opened.catalog.Len()))
	m.measured.opened.SetToCurrentTime()
	slog.Info("model", "path", m.path, "fingerprint", opened.fingerprint,
		"items", opened.catalog.Len(), "kernel", melu.Kernel())
}

// acquire returns the current model, which stays open until inUse.Done.
func (m *models) acquire() *model {
	m.mutex.RLock()
	defer m.mutex.RUnlock()
	m.current.inUse.Add(1)
	return m.current
}

// swap opens the weight file anew. Requests in progress finish with the model that they began
// with; if the new one cannot be opened, the old one stays.
func (m *models) swap() {
	begin := time.Now()
	opened, err := openModel(m.path)
	if err != nil {
		m.measured.swaps.WithLabelValues("failed").Inc()
		slog.Error("the old model stays", "error", err.Error())
		return
	}
	m.mutex.Lock()
	old := m.current
	m.current = opened
	m.mutex.Unlock()
	m.measured.swaps.WithLabelValues("done").Inc()
	m.announce(opened)
	// Meanwhile, other signals count.
	go func() {
		old.close()
		slog.Info("the old model is closed", "seconds", time.Since(begin).Seconds())
	}()
}
