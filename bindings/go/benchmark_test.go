package melu_test

import (
	"cmp"
	"context"
	"os"
	"testing"
	"time"

	"github.com/melu-rs/melu/bindings/go"
	"github.com/melu-rs/melu/bindings/go/internal/loop"
)

// The benchmarks take the model that MELU_MODEL names; the tests' own is far smaller than
// any in use.
func benchmarked() string { return cmp.Or(os.Getenv("MELU_MODEL"), sample) }

// answers are 20 items and their ratings, or as many as there are items.
func answers(b *testing.B, catalog *melu.Catalog) ([]uint32, []float32) {
	n := min(20, catalog.Len())
	items, ratings := make([]uint32, n), make([]float32, n)
	for i := range n {
		items[i], ratings[i] = uint32(i*catalog.Len()/n), float32(1+i%5)
	}
	details := must[melu.Details](b)(modelOf(b).Details())
	if details.Clicks {
		for i := range n {
			ratings[i] = float32(i % 2)
		}
	}
	return items, ratings
}

func modelOf(b *testing.B) *melu.Model {
	model := must[*melu.Model](b)(melu.Open(benchmarked()))
	b.Cleanup(func() { model.Close() })
	return model
}

func usersOf(b *testing.B) (*melu.Catalog, []*melu.User) {
	catalog := must[*melu.Catalog](b)(modelOf(b).Catalog())
	users := make([]*melu.User, loop.Users)
	for i := range users {
		users[i] = newUser(b, catalog)
	}
	return catalog, users
}

func BenchmarkCallIntoC(b *testing.B) {
	for b.Loop() {
		loop.Nothing()
	}
}

// The next three do the same for 256 users; each has the time of 256.

func BenchmarkAdaptAndRecommend256InC(b *testing.B) {
	items, ratings := answers(b, must[*melu.Catalog](b)(modelOf(b).Catalog()))
	if err := loop.Open(benchmarked()); err != nil {
		b.Fatal(err)
	}
	defer loop.Close()
	b.ReportAllocs()
	for b.Loop() {
		if err := loop.Run(loop.Users, items, ratings); err != nil {
			b.Fatal(err)
		}
	}
	perUser(b)
}

func BenchmarkAdaptAndRecommend256OneByOne(b *testing.B) {
	catalog, users := usersOf(b)
	items, ratings := answers(b, catalog)
	best := make([]melu.Recommendation, 0, loop.Best)
	b.ReportAllocs()
	for b.Loop() {
		for _, user := range users {
			err := user.Adapt(items, ratings)
			if err == nil {
				best, err = user.AppendBest(best[:0], loop.Best, melu.Filter{})
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	perUser(b)
}

func BenchmarkAdaptAndRecommend256Batch(b *testing.B) {
	catalog, users := usersOf(b)
	items, ratings := answers(b, catalog)
	var batch melu.Batch
	inBatch(b, &batch, users, items, ratings) // makes the room
	b.ReportAllocs()
	for b.Loop() {
		inBatch(b, &batch, users, items, ratings)
	}
	perUser(b)
}

func inBatch(b *testing.B, batch *melu.Batch, users []*melu.User, items []uint32, ratings []float32) {
	batch.Clear()
	for _, user := range users {
		if err := batch.Add(user, items, ratings); err != nil {
			b.Fatal(err)
		}
	}
	if err := batch.Recommend(context.Background(), loop.Best, melu.Filter{}); err != nil {
		b.Fatal(err)
	}
}

// Takes turns between the three, so that a busy machine is busy for all of them, and
// tells the shortest time of each.
func BenchmarkBesideC(b *testing.B) {
	catalog, users := usersOf(b)
	items, ratings := answers(b, catalog)
	if err := loop.Open(benchmarked()); err != nil {
		b.Fatal(err)
	}
	defer loop.Close()
	best := make([]melu.Recommendation, 0, loop.Best)
	var batch melu.Batch
	ways := []struct {
		name string
		run  func()
	}{
		{"C-ns/user", func() {
			if err := loop.Run(loop.Users, items, ratings); err != nil {
				b.Fatal(err)
			}
		}},
		{"single-ns/user", func() {
			for _, user := range users {
				err := user.Adapt(items, ratings)
				if err == nil {
					best, err = user.AppendBest(best[:0], loop.Best, melu.Filter{})
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		}},
		{"batch-ns/user", func() { inBatch(b, &batch, users, items, ratings) }},
	}
	shortest := make([]time.Duration, len(ways))
	for b.Loop() {
		for i, way := range ways {
			start := time.Now()
			way.run()
			if took := time.Since(start); shortest[i] == 0 || took < shortest[i] {
				shortest[i] = took
			}
		}
	}
	for i, way := range ways {
		b.ReportMetric(float64(shortest[i].Nanoseconds())/loop.Users, way.name)
	}
}

func perUser(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*loop.Users), "ns/user")
}

func BenchmarkAdapt(b *testing.B) {
	catalog, users := usersOf(b)
	items, ratings := answers(b, catalog)
	b.ReportAllocs()
	for b.Loop() {
		if err := users[0].Adapt(items, ratings); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScore(b *testing.B) {
	catalog, users := usersOf(b)
	items, _ := answers(b, catalog)
	scores := make([]float32, 0, len(items))
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if scores, err = users[0].AppendScores(scores[:0], items); err != nil {
			b.Fatal(err)
		}
	}
}
