package melu_test

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/melu-rs/melu/bindings/go"
)

const sample = "testdata/sample.melu"

func must[T any](t testing.TB) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func open(t testing.TB) *melu.Model {
	model := must[*melu.Model](t)(melu.Open(sample))
	t.Cleanup(func() { model.Close() })
	return model
}

func catalog(t testing.TB) *melu.Catalog {
	catalog := must[*melu.Catalog](t)(open(t).Catalog())
	t.Cleanup(func() { catalog.Close() })
	return catalog
}

func newUser(t testing.TB, catalog *melu.Catalog, profile ...melu.Value) *melu.User {
	user := must[*melu.User](t)(catalog.NewUser(profile...))
	t.Cleanup(func() { user.Close() })
	return user
}

func scores(t testing.TB, user *melu.User) []float32 {
	t.Helper()
	return must[[]float32](t)(user.AppendAllScores(nil))
}

func TestOpensTheSameModelFromEverywhere(t *testing.T) {
	data := must[[]byte](t)(os.ReadFile(sample))
	file := open(t)
	bytes := must[*melu.Model](t)(melu.OpenBytes(data))
	defer bytes.Close()
	clear(data)
	system := must[*melu.Model](t)(melu.OpenFS(os.DirFS("testdata"), "sample.melu"))
	defer system.Close()
	want := must[melu.Details](t)(file.Details())
	if want.Items != 3 || want.ItemFields != 4 || want.UserFields != 2 || !want.Deviations ||
		want.Clicks || want.Choice || !want.Ratings || want.VectorWidth != 0 || want.HeadParameters != 8 || want.Evidence != 2 || want.Fingerprint == 0 {
		t.Errorf("details %+v", want)
	}
	for _, model := range []*melu.Model{bytes, system} {
		if got := must[melu.Details](t)(model.Details()); got != want {
			t.Errorf("details %+v, not %+v", got, want)
		}
	}
}

func TestErrorsAreTyped(t *testing.T) {
	_, err := melu.Open("testdata/none.melu")
	var failure *melu.Error
	if !errors.As(err, &failure) || failure.Status != melu.ErrIO ||
		!errors.Is(err, fs.ErrNotExist) || !errors.Is(err, melu.ErrIO) ||
		errors.Is(err, melu.ErrRating) || !strings.Contains(err.Error(), "none.melu") {
		t.Errorf("missing file: %v", err)
	}
	if _, err := melu.OpenBytes(nil); !errors.Is(err, melu.ErrWeightFile) {
		t.Errorf("no bytes: %v", err)
	}
	if _, err := melu.OpenFS(os.DirFS("testdata"), "none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing in a file system: %v", err)
	}
	if text := melu.ErrRating.Error(); !strings.Contains(text, "rating") {
		t.Errorf("status: %s", text)
	}

	catalog := catalog(t)
	user := newUser(t, catalog)
	nan := float32(math.NaN())
	before := scores(t, user)
	for _, c := range []struct {
		call string
		err  error
		want melu.Status
	}{
		{"item", user.Adapt([]uint32{3}, []float32{1}), melu.ErrItemIndex},
		{"rating", user.Adapt([]uint32{0}, []float32{nan}), melu.ErrRating},
		{"lengths", user.Adapt([]uint32{0}, nil), melu.ErrInvalidArgument},
		{"field", second(catalog.NewUser(melu.Name("colour", "red"))), melu.ErrUnknownField},
		{"value", second(catalog.NewUser(melu.Number("region", 1))), melu.ErrFieldValue},
		{"utf-8", second(catalog.NewUser(melu.Name("\xff", "red"))), melu.ErrInvalidUTF8},
		{"id", second(catalog.Find("four")), melu.ErrNotFound},
		{"index", second(catalog.ID(3)), melu.ErrItemIndex},
		{"title", second(catalog.Title(3)), melu.ErrItemIndex},
		{"scores", second(user.AppendScores(nil, []uint32{3})), melu.ErrItemIndex},
		{"leave out", second(user.AppendBest(nil, 3, melu.RecommendOptions{LeaveOut: []uint32{9}})),
			melu.ErrItemIndex},
		{"ratings", second(user.AppendRatings(nil, []uint32{3})), melu.ErrItemIndex},
		{"among", second(user.AppendBest(nil, 3, melu.RecommendOptions{Among: []uint32{9}})),
			melu.ErrItemIndex},
		{"order", second(user.AppendBest(nil, 3, melu.RecommendOptions{Order: 7})),
			melu.ErrInvalidArgument},
		{"discount", second(user.AppendBest(nil, 3, melu.RecommendOptions{PopularityDiscount: nan})),
			melu.ErrInvalidArgument},
		{"raters", second(catalog.Raters(3)), melu.ErrItemIndex},
		{"vector", second(user.AppendVector(nil)), melu.ErrNotAvailable},
		{"vectors", second(catalog.AppendItemVectors(nil, 0, 1)), melu.ErrNotAvailable},
		{"twice", second(catalog.Extend([]melu.Item{{ID: "one"}})), melu.ErrInvalidArgument},
		{"data_type", second(catalog.Convert(64)), melu.ErrInvalidArgument},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, not %v", c.call, c.err, c.want)
		}
	}
	if _, _, err := catalog.LoadUser([]byte("no user")); !errors.Is(err, melu.ErrSavedUser) {
		t.Errorf("load: %v", err)
	}
	if got := scores(t, user); !slices.Equal(got, before) {
		t.Errorf("failures changed the scores: %v, not %v", got, before)
	}
}

func second[T any](_ T, err error) error { return err }

func TestCloseIsIdempotentAndFinal(t *testing.T) {
	model := must[*melu.Model](t)(melu.Open(sample))
	catalog := must[*melu.Catalog](t)(model.Catalog())
	user := must[*melu.User](t)(catalog.NewUser())
	questions := must[*melu.Questions](t)(catalog.NewQuestions())
	for range 2 {
		if err := errors.Join(model.Close(), catalog.Close()); err != nil {
			t.Fatal(err)
		}
	}
	// The user keeps what it needs.
	if err := user.Adapt([]uint32{0}, []float32{4}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := errors.Join(user.Close(), questions.Close()); err != nil {
			t.Fatal(err)
		}
	}
	var batch melu.Batch
	if err := batch.Add(user, nil, nil); err != nil {
		t.Fatal(err)
	}
	for i, err := range []error{
		second(model.Details()), second(model.Catalog()), second(model.NewCatalog(nil)),
		second(model.AppendEvidence(nil, 1)), second(catalog.NewUser()),
		second(catalog.Find("one")), second(catalog.ID(0)), second(catalog.Title(0)),
		second(catalog.Extend(nil)), second(catalog.NewQuestions()),
		second(catalog.Convert(melu.F16)),
		user.Adapt(nil, nil), user.Reset(), second(user.AppendAllScores(nil)),
		second(user.AppendDeviations(nil, nil)), second(user.AppendAllRatings(nil)),
		second(user.AppendVector(nil)), second(catalog.AppendItemVectors(nil, 0, 0)),
		second(catalog.Raters(0)), second(user.AppendBest(nil, 1, melu.RecommendOptions{})),
		second(user.MarshalBinary()), second(user.NextQuestion(questions, melu.Asked{})),
		batch.Recommend(context.Background(), 1, melu.RecommendOptions{}),
	} {
		if !errors.Is(err, melu.ErrClosed) {
			t.Errorf("call %d: %v", i, err)
		}
	}
}

func TestConvertsCatalogues(t *testing.T) {
	single := catalog(t)
	half := must[*melu.Catalog](t)(single.Convert(melu.F16))
	defer half.Close()
	if half.Len() != single.Len() {
		t.Errorf("%d items of %d", half.Len(), single.Len())
	}
	want, got := scores(t, newUser(t, single)), scores(t, newUser(t, half))
	if slices.Equal(got, want) {
		t.Error("f16 changes no score")
	}
	for i := range want {
		if math.Abs(float64(got[i]-want[i])) > 2e-3 {
			t.Errorf("score %d: %v, not %v", i, got[i], want[i])
		}
	}
}

func TestAdaptsScoresAndRecommends(t *testing.T) {
	catalog := catalog(t)
	user := newUser(t, catalog, melu.Name("region", "unheard of"), melu.Index("age", 1))
	if user.UnknownValues() != 1 {
		t.Errorf("%d unknown values", user.UnknownValues())
	}
	before := scores(t, user)
	if err := user.Adapt([]uint32{1, 0}, []float32{4.5, 2}); err != nil {
		t.Fatal(err)
	}
	after := scores(t, user)
	if slices.Equal(before, after) {
		t.Error("adapting changes no score")
	}
	prefix := []float32{7}
	some := must[[]float32](t)(user.AppendScores(prefix, []uint32{2, 0}))
	if !slices.Equal(some, []float32{7, after[2], after[0]}) {
		t.Errorf("scores %v of %v", some, after)
	}
	deviations := must[[]float32](t)(user.AppendDeviations(prefix, []uint32{2, 0}))
	if len(deviations) != 3 || deviations[0] != 7 || !(deviations[1] > 0 && deviations[2] > 0) {
		t.Errorf("deviations %v", deviations)
	}
	best := must[[]melu.Recommendation](t)(user.AppendBest(nil, 10, melu.RecommendOptions{}))
	want := melu.Recommendation{Item: 2, Score: after[2], Rating: after[2], Deviation: deviations[1]}
	if !slices.Equal(best, []melu.Recommendation{want}) {
		t.Errorf("best %v of %v", best, after)
	}
	all := must[[]melu.Recommendation](t)(user.AppendBest(best, math.MaxInt,
		melu.RecommendOptions{KeepRated: true, LeaveOut: []uint32{1}, Threads: 2}))
	if len(all) != 3 || all[0] != best[0] || all[1].Score < all[2].Score {
		t.Errorf("best %v", all)
	}
	if err := user.Reset(); err != nil {
		t.Fatal(err)
	}
	if got := scores(t, user); !slices.Equal(got, before) {
		t.Errorf("reset: %v, not %v", got, before)
	}
}

func TestCatalogs(t *testing.T) {
	model := open(t)
	items := []melu.Item{
		{ID: "a", Values: []melu.Value{melu.Name("genres", "war"), melu.Name("genres", "Ärger"),
			melu.Number("year", 1999)}},
		{ID: "b", Values: []melu.Value{melu.Index("studio", 1), melu.Name("studio", "z")}},
		{ID: "c"},
	}
	made := must[*melu.Catalog](t)(model.NewCatalog(items[:1]))
	defer made.Close()
	extended := must[*melu.Catalog](t)(made.Extend([]melu.Item{items[2]}))
	defer extended.Close()
	if made.Len() != 1 || extended.Len() != 2 {
		t.Errorf("lengths %d and %d", made.Len(), extended.Len())
	}
	if id := must[string](t)(extended.ID(1)); id != "c" {
		t.Errorf("id %q", id)
	}
	if item := must[uint32](t)(extended.Find("c")); item != 1 {
		t.Errorf("index %d", item)
	}
	own := catalog(t)
	if title := must[string](t)(own.Title(2)); title != "Die Dritte" {
		t.Errorf("title %q", title)
	}
	evidence := must[[]melu.Evidence](t)(model.AppendEvidence(nil, 5))
	want := []melu.Evidence{{2, 1, 1, 1}, {0, 0.5, 0.625, 0.75}}
	if !slices.Equal(evidence, want) {
		t.Errorf("evidence %v", evidence)
	}
}

func TestSavesUsers(t *testing.T) {
	catalog := catalog(t)
	user := newUser(t, catalog)
	if err := user.Adapt([]uint32{1}, []float32{5}); err != nil {
		t.Fatal(err)
	}
	saved := must[[]byte](t)(user.MarshalBinary())
	again := must[[]byte](t)(user.AppendBinary([]byte("x")))
	if string(again) != "x"+string(saved) {
		t.Error("appended bytes are others")
	}
	loaded, report, err := catalog.LoadUser(saved)
	if err != nil {
		t.Fatal(err)
	}
	defer loaded.Close()
	if report != (melu.LoadReport{}) || !slices.Equal(scores(t, user), scores(t, loaded)) {
		t.Errorf("loaded another user: %+v", report)
	}
}

func TestAsksQuestions(t *testing.T) {
	catalog := catalog(t)
	user := newUser(t, catalog)
	questions := must[*melu.Questions](t)(catalog.NewQuestions())
	defer questions.Close()
	asked := melu.Asked{}
	for range catalog.Len() {
		question := must[melu.Question](t)(user.NextQuestion(questions, asked))
		if slices.Contains(asked.Unknown, question.Item) || !(question.Reduction > 0) {
			t.Errorf("question %+v after %v", question, asked)
		}
		asked.Unknown = append(asked.Unknown, question.Item)
	}
	if _, err := user.NextQuestion(questions, asked); !errors.Is(err, melu.ErrNotFound) {
		t.Errorf("nothing left: %v", err)
	}
	one := must[melu.Question](t)(user.NextQuestion(questions, melu.Asked{Known: []uint32{1}}))
	if one.Item != 1 {
		t.Errorf("known %+v", one)
	}
	// An empty list is not none: nothing is known, so nothing can be asked.
	if _, err := user.NextQuestion(questions, melu.Asked{Known: []uint32{}}); !errors.Is(err, melu.ErrNotFound) {
		t.Errorf("nothing known: %v", err)
	}
}

func TestBatchGivesWhatOneByOneGives(t *testing.T) {
	catalog := catalog(t)
	const users = 70
	var batch melu.Batch
	for round := range 2 {
		batch.Clear()
		var want [][]melu.Recommendation
		for i := range users {
			user := newUser(t, catalog)
			items, ratings := []uint32{uint32(i % 3), 1}[:i%3], []float32{float32(i % 5), 3}[:i%3]
			if err := batch.Add(user, items, ratings); err != nil {
				t.Fatal(err)
			}
			single := newUser(t, catalog)
			if err := single.Adapt(items, ratings); err != nil {
				t.Fatal(err)
			}
			want = append(want, must[[]melu.Recommendation](t)(single.AppendBest(nil, 2+round, melu.RecommendOptions{})))
		}
		for _, threads := range []int{0, 1, 2, 7, -1, math.MaxInt} {
			if err := batch.Recommend(t.Context(), 2+round, melu.RecommendOptions{Threads: threads}); err != nil {
				t.Fatal(err)
			}
			for i := range users {
				if got := batch.Best(i); !slices.Equal(got, want[i]) {
					t.Errorf("user %d: %v, not %v", i, got, want[i])
				}
			}
		}
	}

	done, cancel := context.WithCancel(t.Context())
	cancel()
	if err := batch.Recommend(done, 1, melu.RecommendOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	batch.Clear()
	for i := range 50 {
		item := uint32(0)
		if i == 40 {
			item = 3
		}
		if err := batch.Add(newUser(t, catalog), []uint32{item}, []float32{3}); err != nil {
			t.Fatal(err)
		}
	}
	for _, threads := range []int{1, 2, 7} {
		err := batch.Recommend(t.Context(), 1, melu.RecommendOptions{Threads: threads})
		var failure *melu.Error
		if !errors.As(err, &failure) || failure.Status != melu.ErrItemIndex || failure.User != 40 ||
			!strings.HasPrefix(failure.Message, "users[40]: items: ") {
			t.Errorf("wrong item: %v", err)
		}
		if len(batch.Best(39)) != 1 || len(batch.Best(40)) != 0 || len(batch.Best(49)) != 0 {
			t.Error("not exactly the users before are done")
		}
	}
	if err := new(melu.Batch).Recommend(t.Context(), 1, melu.RecommendOptions{}); err != nil {
		t.Errorf("empty batch: %v", err)
	}
}

func TestSixteenGoroutinesWhileTheCatalogIsSwapped(t *testing.T) {
	var current atomic.Pointer[melu.Catalog]
	load := func() *melu.Catalog {
		model := must[*melu.Model](t)(melu.Open(sample))
		defer model.Close()
		return must[*melu.Catalog](t)(model.Catalog())
	}
	current.Store(load())
	var workers, swapper sync.WaitGroup
	stop := make(chan struct{})
	for worker := range 16 {
		workers.Add(1)
		go func() {
			defer workers.Done()
			best := make([]melu.Recommendation, 0, 3)
			for round := 0; round < 60; {
				user, err := current.Load().NewUser()
				if errors.Is(err, melu.ErrClosed) {
					continue // swapped just now
				}
				round++
				item := uint32(worker+round) % 3
				if err == nil {
					err = user.Adapt([]uint32{item}, []float32{4})
				}
				if err == nil {
					best, err = user.AppendBest(best[:0], 3, melu.RecommendOptions{})
				}
				if err != nil || len(best) != 2 || best[0].Item == item {
					t.Errorf("%v: %v", best, err)
					return
				}
				user.Close()
			}
		}()
	}
	swapper.Add(1)
	go func() {
		defer swapper.Done()
		for {
			select {
			case <-stop:
				return
			default:
				current.Swap(load()).Close()
			}
		}
	}()
	workers.Wait()
	close(stop)
	swapper.Wait()
	current.Load().Close()
}

// Each method is the last use of what it is called on, with nothing that closes it: run
// with the build tag melu_collect, a missing KeepAlive panics.
func TestNothingIsFreedDuringItsLastCall(t *testing.T) {
	catalog := func() *melu.Catalog {
		model := must[*melu.Model](t)(melu.Open(sample))
		return must[*melu.Catalog](t)(model.Catalog())
	}
	model := func() *melu.Model { return must[*melu.Model](t)(melu.Open(sample)) }
	user := func() *melu.User { return must[*melu.User](t)(catalog().NewUser()) }
	saved := must[[]byte](t)(user().MarshalBinary())
	for i, call := range []func() error{
		func() error { return second(model().Details()) },
		func() error { return second(model().AppendEvidence(nil, 2)) },
		func() error { return second(model().NewCatalog([]melu.Item{{ID: "a"}})) },
		func() error { return second(catalog().Extend([]melu.Item{{ID: "a"}})) },
		func() error { return second(catalog().Find("one")) },
		func() error { return second(catalog().ID(0)) },
		func() error { return second(catalog().Title(0)) },
		func() error { return second(catalog().NewUser(melu.Name("region", "e"))) },
		func() error { _, _, err := catalog().LoadUser(saved); return err },
		func() error { return user().Adapt([]uint32{0}, []float32{1}) },
		func() error { return user().Reset() },
		func() error { return second(user().AppendAllScores(nil)) },
		func() error { return second(user().AppendRatings(nil, []uint32{1})) },
		func() error { return second(user().AppendDeviations(nil, []uint32{1})) },
		func() error { return second(catalog().Raters(1)) },
		func() error { return second(user().AppendBest(nil, 2, melu.RecommendOptions{LeaveOut: []uint32{1}})) },
		func() error {
			catalog := catalog()
			user := must[*melu.User](t)(catalog.NewUser())
			questions := must[*melu.Questions](t)(catalog.NewQuestions())
			return second(user.NextQuestion(questions, melu.Asked{LeaveOut: []uint32{1}}))
		},
		func() error {
			var batch melu.Batch
			if err := batch.Add(user(), []uint32{0}, []float32{1}); err != nil {
				return err
			}
			return batch.Recommend(t.Context(), 1, melu.RecommendOptions{})
		},
	} {
		if err := call(); err != nil {
			t.Errorf("call %d: %v", i, err)
		}
	}
}

// residentBytes is how much memory the process has, Go's and C's together.
func residentBytes(t *testing.T) int {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("no /proc here")
	}
	pages := 0
	for _, digit := range strings.Fields(string(statm))[1] {
		pages = 10*pages + int(digit-'0')
	}
	return pages * os.Getpagesize()
}

func TestManyCyclesDoNotGrow(t *testing.T) {
	catalog := catalog(t)
	best := make([]melu.Recommendation, 0, 3)
	cycles := func(n int) {
		for i := range n {
			user := must[*melu.User](t)(catalog.NewUser(melu.Name("region", "e")))
			if err := user.Adapt([]uint32{uint32(i % 3)}, []float32{4}); err != nil {
				t.Fatal(err)
			}
			best = must[[]melu.Recommendation](t)(user.AppendBest(best[:0], 3, melu.RecommendOptions{}))
			user.Close()
		}
	}
	n := 200_000
	if os.Getenv("MELU_CYCLES") != "" {
		n = 1_000_000
	}
	if melu.Collecting || testing.Short() {
		n = 200
	}
	cycles(n / 10)
	runtime.GC()
	before := residentBytes(t)
	cycles(n)
	runtime.GC()
	// A leak of 40 bytes a cycle would be seen.
	if grown := residentBytes(t) - before; grown > 8<<20 {
		t.Errorf("%d cycles grew by %d bytes", n, grown)
	}
}

func TestWhatIsNotClosedIsFreedByTheCollector(t *testing.T) {
	if melu.Collecting {
		t.Skip("each call collects")
	}
	catalog := catalog(t)
	round := func() {
		for range 200 {
			must[*melu.User](t)(catalog.NewUser())
		}
		for range 3 {
			runtime.GC()
			runtime.Gosched()
		}
	}
	for range 5 {
		round()
	}
	before := residentBytes(t)
	for range 50 {
		round()
	}
	// Unfreed, 10,000 users would be more than ten kilobytes each.
	if grown := residentBytes(t) - before; grown > 50<<20 {
		t.Errorf("users that nobody refers to grew by %d bytes", grown)
	}
}

func TestCallsAllocateNothing(t *testing.T) {
	if melu.Collecting {
		t.Skip("each call collects")
	}
	catalog := catalog(t)
	user := newUser(t, catalog)
	items, ratings := []uint32{0, 1}, []float32{4, 2}
	best, list := make([]melu.Recommendation, 0, 8), make([]float32, 0, 8)
	saved := must[[]byte](t)(user.MarshalBinary())
	options := melu.RecommendOptions{LeaveOut: []uint32{2}}
	var batch melu.Batch
	var err error
	check := func() {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, call := range map[string]func(){
		"adapt":      func() { err = user.Adapt(items, ratings); check() },
		"best":       func() { best, err = user.AppendBest(best[:0], 3, options); check() },
		"scores":     func() { list, err = user.AppendScores(list[:0], items); check() },
		"all":        func() { list, err = user.AppendAllScores(list[:0]); check() },
		"ratings":    func() { list, err = user.AppendRatings(list[:0], items); check() },
		"deviations": func() { list, err = user.AppendDeviations(list[:0], items); check() },
		"find":       func() { _, err = catalog.Find("two"); check() },
		"save":       func() { saved, err = user.AppendBinary(saved[:0]); check() },
		"batch": func() {
			batch.Clear()
			err = batch.Add(user, items, ratings)
			check()
			err = batch.Recommend(context.Background(), 3, options)
			check()
		},
	} {
		call()
		if n := testing.AllocsPerRun(100, call); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
