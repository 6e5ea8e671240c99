package melu_test

import (
	"cmp"
	"context"
	"os"
	"testing"

	"github.com/melu-rs/melu/bindings/go"
)

// The benchmarks do what those of bindings/cpp do; bindings/compare.py runs both in turn.
const (
	perUser = 20  // What a user answers, and what is recommended.
	crowd   = 256 // Users one by one and in a batch.
)

// setting is a model's catalogue with some users, and what each of them answers.
type setting struct {
	catalog *melu.Catalog
	users   []*melu.User
	items   [][]uint32
	ratings [][]float32
}

// set opens the model that MELU_MODEL names; the tests' own is far smaller than any in use.
// The first user is adapted.
func set(b *testing.B, users int) *setting {
	model := must[*melu.Model](b)(melu.Open(cmp.Or(os.Getenv("MELU_MODEL"), sample)))
	b.Cleanup(func() { model.Close() })
	clicks := must[melu.Details](b)(model.Details()).Clicks
	its := &setting{catalog: must[*melu.Catalog](b)(model.Catalog())}
	b.Cleanup(func() { its.catalog.Close() })
	for user := range users {
		items, ratings := make([]uint32, perUser), make([]float32, perUser)
		for answer := range perUser {
			i := user*perUser + answer
			items[answer], ratings[answer] = uint32(i*37%its.catalog.Len()), float32(1+i%5)
			if clicks {
				ratings[answer] = float32(i % 2)
			}
		}
		its.items, its.ratings = append(its.items, items), append(its.ratings, ratings)
		its.users = append(its.users, newUser(b, its.catalog))
	}
	if err := its.users[0].Adapt(its.items[0], its.ratings[0]); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	return its
}

// A call that has nothing to do: what calling C costs.
func BenchmarkCall(b *testing.B) {
	its := set(b, 1)
	for b.Loop() {
		if _, err := its.users[0].AppendScores(nil, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAdapt(b *testing.B) {
	its := set(b, 1)
	for b.Loop() {
		if err := its.users[0].Adapt(its.items[0], its.ratings[0]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScore(b *testing.B) {
	its := set(b, 1)
	scores := make([]float32, 0, perUser)
	for b.Loop() {
		var err error
		if scores, err = its.users[0].AppendScores(scores[:0], its.items[0]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScoreAll(b *testing.B) {
	its := set(b, 1)
	scores := make([]float32, 0, its.catalog.Len())
	for b.Loop() {
		var err error
		if scores, err = its.users[0].AppendAllScores(scores[:0]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRecommend(b *testing.B) {
	its := set(b, 1)
	best := make([]melu.Recommendation, 0, perUser)
	for b.Loop() {
		var err error
		if best, err = its.users[0].AppendBest(best[:0], perUser, melu.RecommendOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

// The next two do the same for 256 users; each has the time of 256.

func BenchmarkOneByOne(b *testing.B) {
	its := set(b, crowd)
	best := make([]melu.Recommendation, 0, perUser*crowd)
	for b.Loop() {
		best = best[:0]
		for i, user := range its.users {
			err := user.Adapt(its.items[i], its.ratings[i])
			if err == nil {
				best, err = user.AppendBest(best, perUser, melu.RecommendOptions{})
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkBatch(b *testing.B) {
	its := set(b, crowd)
	var batch melu.Batch
	run := func() {
		batch.Clear()
		for i, user := range its.users {
			if err := batch.Add(user, its.items[i], its.ratings[i]); err != nil {
				b.Fatal(err)
			}
		}
		if err := batch.Recommend(context.Background(), perUser, melu.RecommendOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	run() // Makes the room.
	for b.Loop() {
		run()
	}
}
