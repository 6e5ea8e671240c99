package melu_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unicode/utf8"

	"github.com/melu-rs/melu/bindings/go"
)

func TestFormsAreMadeOfFields(t *testing.T) {
	model := open(t)
	users := must[[]melu.Field](t)(model.UserFields())
	items := must[[]melu.Field](t)(model.ItemFields())
	details := must[melu.Details](t)(model.Details())
	if len(users) != details.UserFields || len(items) != details.ItemFields {
		t.Errorf("%d and %d fields of %+v", len(users), len(items), details)
	}
	for i, want := range []struct {
		name   string
		kind   melu.FieldKind
		size   int
		values []string
	}{
		{"genres", melu.FieldMulti, 4, []string{"comedy", "drama", "war", "Ärger"}},
		{"studio", melu.FieldOne, 3, []string{"a", "b", "c"}},
		{"year", melu.FieldNumeric, 0, nil},
		{"label", melu.FieldOne, 2, nil},
		{"region", melu.FieldOne, 5, []string{"e", "middle", "n", "s", "w"}},
		{"age", melu.FieldOne, 2, nil},
	} {
		got := slices.Concat(items, users)[i]
		if got.Name != want.name || got.Kind != want.kind || got.Size != want.size ||
			!slices.Equal(got.Values, want.values) || got.Lowest == got.Lowest || got.Highest == got.Highest {
			t.Errorf("%+v, not %+v", got, want)
		}
	}
}

func TestRatingsComeAndGoOneByOne(t *testing.T) {
	catalog := catalog(t)
	user, other := newUser(t, catalog), newUser(t, catalog)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	expect := func(items []uint32, ratings []float32) {
		t.Helper()
		gotItems, gotRatings, err := user.AppendRated([]uint32{9}, nil)
		check(err)
		if !slices.Equal(gotItems, append([]uint32{9}, items...)) || !slices.Equal(gotRatings, ratings) {
			t.Errorf("rated %v %v, not %v %v", gotItems, gotRatings, items, ratings)
		}
		check(other.Adapt(items, ratings))
		if got, want := scores(t, user), scores(t, other); !slices.Equal(got, want) {
			t.Errorf("scores %v, not %v", got, want)
		}
	}
	expect(nil, nil)
	check(user.Rate(2, 4.5))
	check(user.Rate(0, 1))
	check(user.Rate(2, 2))
	expect([]uint32{2, 0}, []float32{2, 1})
	check(user.Withdraw(2))
	expect([]uint32{0}, []float32{1})
	for i, c := range []struct {
		err  error
		want melu.Status
	}{
		{user.Withdraw(2), melu.ErrNotFound},
		{user.Withdraw(3), melu.ErrItemIndex},
		{user.Rate(3, 1), melu.ErrItemIndex},
		{user.Rate(0, float32(math.NaN())), melu.ErrRating},
		{second(catalog.Remove([]uint32{3})), melu.ErrItemIndex},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("call %d: %v, not %v", i, c.err, c.want)
		}
	}
	expect([]uint32{0}, []float32{1})
}

func TestUnknownValuesAreListed(t *testing.T) {
	catalog := catalog(t)
	user := newUser(t, catalog, melu.Index("age", 1), melu.Name("region", "moon"))
	unknown := must[[]melu.Value](t)(user.UnknownProfile())
	if len(unknown) != 1 || unknown[0] != melu.Name("region", "moon") ||
		unknown[0].Field() != "region" || unknown[0].Text() != "moon" {
		t.Errorf("unknown %v", unknown)
	}
	if unknown := must[[]melu.Value](t)(newUser(t, catalog).UnknownProfile()); unknown != nil {
		t.Errorf("unknown %v", unknown)
	}
	if text := melu.Index("age", 1).Text() + melu.Number("year", 1999.5).Text(); text != "11999.5" {
		t.Errorf("text %q", text)
	}
}

func TestLongMessagesAreCutBetweenCharacters(t *testing.T) {
	catalog := catalog(t)
	for _, character := range []string{"x", "ä", "€", "🎬"} {
		for shift := range 4 {
			field := strings.Repeat("x", shift) + strings.Repeat(character, 500)
			var failure *melu.Error
			if err := second(catalog.NewUser(melu.Name(field, "red"))); !errors.As(err, &failure) {
				t.Fatal(err)
			}
			message := failure.Message
			if failure.Status != melu.ErrUnknownField || !utf8.ValidString(message) ||
				len(message) < 492 || !strings.HasSuffix(message, character) {
				t.Errorf("%s, %d: %q", character, shift, message)
			}
		}
	}
}

func TestCountsMayBeMoreThanThereCanBe(t *testing.T) {
	for _, n := range []int{3, 100, 1 << 40, math.MaxInt} {
		evidence := must[[]melu.Evidence](t)(open(t).AppendEvidence(make([]melu.Evidence, 1), n))
		if !slices.Equal(evidence, []melu.Evidence{{}, {2, 1, 1, 1}, {0, 0.5, 0.625, 0.75}}) {
			t.Errorf("%d: evidence %v", n, evidence)
		}
	}
	for _, n := range []int{-1, 0, 1} {
		evidence := must[[]melu.Evidence](t)(open(t).AppendEvidence(nil, n))
		if !slices.Equal(evidence, []melu.Evidence{{2, 1, 1, 1}}[:max(0, n)]) {
			t.Errorf("%d: evidence %v", n, evidence)
		}
	}
	catalog := catalog(t)
	user := newUser(t, catalog)
	most := melu.RecommendOptions{NewItems: math.MaxInt, Threads: math.MaxInt}
	best := must[[]melu.Recommendation](t)(user.AppendBest(nil, math.MaxInt, most))
	filtered := most
	filtered.Filter = func(uint32) bool { return true }
	same := must[[]melu.Recommendation](t)(user.AppendBest(nil, math.MaxInt, filtered))
	var batch melu.Batch
	if err := batch.Add(user, nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := batch.Recommend(context.Background(), math.MaxInt, most); err != nil {
		t.Fatal(err)
	}
	if len(best) != catalog.Len() || !slices.Equal(best, same) || !slices.Equal(best, batch.Best(0)) {
		t.Errorf("best %v, %v and %v", best, same, batch.Best(0))
	}
}

func TestItemsHaveTitlesAndGo(t *testing.T) {
	own := catalog(t)
	more := must[*melu.Catalog](t)(own.Extend([]melu.Item{
		{ID: "four", Title: "Die Vierte", Values: []melu.Value{melu.Name("genres", "war")}}, {ID: "five"}}))
	defer more.Close()
	fewer := must[*melu.Catalog](t)(more.Remove([]uint32{4, 0, 4}))
	defer fewer.Close()
	var known []string
	for item := range uint32(fewer.Len()) {
		known = append(known, must[string](t)(fewer.ID(item))+": "+must[string](t)(fewer.Title(item)))
	}
	if want := []string{"two: ", "three: Die Dritte", "four: Die Vierte"}; !slices.Equal(known, want) {
		t.Errorf("items %q", known)
	}
	if more.Len() != 5 {
		t.Errorf("%d items stay", more.Len())
	}
}

func TestFiltersDecide(t *testing.T) {
	user, catalog, _ := chooser(t, choosing)
	var even []uint32
	for item := uint32(0); int(item) < catalog.Len(); item += 2 {
		even = append(even, item)
	}
	want := must[[]melu.Recommendation](t)(user.AppendBest(nil, 10, melu.RecommendOptions{LeaveOut: even}))
	var calls atomic.Int32
	odd := melu.RecommendOptions{Threads: 3, LeaveOut: []uint32{2}, Filter: func(item uint32) bool {
		calls.Add(1)
		if _, err := catalog.ID(item); err != nil || item == 2 {
			t.Errorf("asked about %d: %v", item, err)
		}
		// The stack moves.
		return deep(200)+int(item)%2 == 201
	}}
	got := must[[]melu.Recommendation](t)(user.AppendBest(nil, 10, odd))
	if !slices.Equal(got, want) || int(calls.Load()) < len(got) {
		t.Errorf("%v, not %v, by %d calls", got, want, calls.Load())
	}
	nothing := melu.RecommendOptions{Filter: func(uint32) bool { return false }}
	if got := must[[]melu.Recommendation](t)(user.AppendBest(nil, 10, nothing)); len(got) != 0 {
		t.Errorf("%v", got)
	}
	if err := second(user.AppendBest(nil, 3, melu.RecommendOptions{LeaveOut: []uint32{99},
		Filter: odd.Filter})); !errors.Is(err, melu.ErrItemIndex) {
		t.Error(err)
	}

	var batch melu.Batch
	for range 40 {
		if err := batch.Add(newUser(t, catalog), []uint32{3, 7, 12}, []float32{5, 1, 4}); err != nil {
			t.Fatal(err)
		}
	}
	for _, threads := range []int{1, 4} {
		odd.Threads = threads
		if err := batch.Recommend(t.Context(), 10, odd); err != nil {
			t.Fatal(err)
		}
		for i := range batch.Len() {
			if got := batch.Best(i); !slices.Equal(got, want) {
				t.Errorf("user %d: %v, not %v", i, got, want)
			}
		}
	}
}

// deep needs some stack, and returns its argument.
func deep(n int) int {
	var room [64]byte
	if n == 0 {
		return int(room[0])
	}
	return 1 + deep(n-1)
}

func TestPanicsOfFiltersComeOutOfTheCall(t *testing.T) {
	user, catalog, _ := chooser(t, choosing)
	var batch melu.Batch
	for range 5 {
		if err := batch.Add(newUser(t, catalog), nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, threads := range []int{1, 4} {
		options := melu.RecommendOptions{Threads: threads, Filter: func(item uint32) bool {
			if item%3 == 0 {
				panic("no stock")
			}
			return true
		}}
		for name, call := range map[string]func() error{
			"best":  func() error { return second(user.AppendBest(nil, 10, options)) },
			"batch": func() error { return batch.Recommend(context.Background(), 10, options) },
		} {
			func() {
				defer func() {
					if cause := recover(); cause != "no stock" {
						t.Errorf("%s: %v", name, cause)
					}
				}()
				t.Errorf("%s: %v", name, call())
			}()
		}
		if best := batch.Best(0); len(best) != 0 {
			t.Errorf("best %v", best)
		}
	}
	// The user is as good as before.
	if best := must[[]melu.Recommendation](t)(user.AppendBest(nil, 10, melu.RecommendOptions{})); len(best) != 10 {
		t.Errorf("best %v", best)
	}
}

func TestGoroutinesShareAUser(t *testing.T) {
	user, _, _ := chooser(t, choosing)
	want := scores(t, user)
	third := melu.RecommendOptions{Filter: func(item uint32) bool { return item%3 == 0 }}
	best := must[[]melu.Recommendation](t)(user.AppendBest(nil, 5, third))
	var workers sync.WaitGroup
	for range 8 {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for range 20 {
				got, err := user.AppendAllScores(nil)
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("scores %v: %v", got, err)
				}
				if got, err := user.AppendBest(nil, 5, third); err != nil || !slices.Equal(got, best) {
					t.Errorf("best %v: %v", got, err)
				}
				if items, _, err := user.AppendRated(nil, nil); err != nil || len(items) != 3 {
					t.Errorf("rated %v: %v", items, err)
				}
			}
		}()
	}
	workers.Wait()
}

func TestServingAfterCloseAndDuringTheLastCall(t *testing.T) {
	model := must[*melu.Model](t)(melu.Open(sample))
	catalog := must[*melu.Catalog](t)(model.Catalog())
	user := must[*melu.User](t)(catalog.NewUser())
	user.Close()
	catalog.Close()
	model.Close()
	_, _, rated := user.AppendRated(nil, nil)
	for i, err := range []error{
		second(model.UserFields()), second(model.ItemFields()), second(catalog.Remove(nil)),
		user.Rate(0, 1), user.Withdraw(0), rated, second(user.UnknownProfile()),
		second(user.AppendBest(nil, 1, melu.RecommendOptions{Filter: func(uint32) bool { return true }})),
	} {
		if !errors.Is(err, melu.ErrClosed) {
			t.Errorf("call %d: %v", i, err)
		}
	}

	// As TestNothingIsFreedDuringItsLastCall.
	last := func() *melu.User {
		model := must[*melu.Model](t)(melu.Open(sample))
		catalog := must[*melu.Catalog](t)(model.Catalog())
		return must[*melu.User](t)(catalog.NewUser(melu.Name("region", "moon")))
	}
	for i, call := range []func() error{
		func() error { return second(must[*melu.Model](t)(melu.Open(sample)).UserFields()) },
		func() error { return last().Rate(0, 1) },
		func() error { _, _, err := last().AppendRated(nil, nil); return err },
		func() error {
			unknown, err := last().UnknownProfile()
			runtime.GC()
			if len(unknown) != 1 || unknown[0].Text() != "moon" {
				return fmt.Errorf("unknown %v", unknown)
			}
			return err
		},
		func() error {
			return second(last().AppendBest(nil, 2, melu.RecommendOptions{Filter: func(uint32) bool {
				runtime.GC()
				return true
			}}))
		},
	} {
		if err := call(); err != nil {
			t.Errorf("call %d: %v", i, err)
		}
	}
}

func TestSingleRatingsAllocateNothing(t *testing.T) {
	if melu.Collecting {
		t.Skip("each call collects")
	}
	user := newUser(t, catalog(t))
	items, ratings := make([]uint32, 0, 8), make([]float32, 0, 8)
	var err error
	if n := testing.AllocsPerRun(100, func() {
		if err = errors.Join(user.Rate(1, 4), user.Rate(2, 1), user.Withdraw(1)); err != nil {
			t.Fatal(err)
		}
		if items, ratings, err = user.AppendRated(items[:0], ratings[:0]); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	// A list of the caller's may lie on the stack, though other calls have a filter.
	if n := testing.AllocsPerRun(100, func() {
		best, err := user.AppendBest(make([]melu.Recommendation, 0, 3), 3, melu.RecommendOptions{})
		if err != nil || len(best) != 2 {
			t.Fatal(len(best), err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a list on the stack", n)
	}
}

func ExampleModel_UserFields() {
	model, err := melu.Open("testdata/sample.melu")
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	fields, err := model.UserFields()
	if err != nil {
		log.Fatal(err)
	}
	for _, field := range fields {
		fmt.Println(field.Name, field.Size, field.Values)
	}
	// Output:
	// region 5 [e middle n s w]
	// age 2 []
}
