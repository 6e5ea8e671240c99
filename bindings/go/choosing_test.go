package melu_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/melu-rs/melu/bindings/go"
)

// Models with a head for choosing: one beside a head for ratings, one alone.
const (
	choosing     = "testdata/choosing.melu"
	positiveOnly = "testdata/positive_only.melu"
)

// chooser is a user of a model who answered, and the user's catalogue.
func chooser(t testing.TB, path string) (*melu.User, *melu.Catalog, melu.Details) {
	model := must[*melu.Model](t)(melu.Open(path))
	defer model.Close()
	catalog := must[*melu.Catalog](t)(model.Catalog())
	t.Cleanup(func() { catalog.Close() })
	user := newUser(t, catalog)
	if err := user.Adapt([]uint32{3, 7, 12}, []float32{5, 1, 4}); err != nil {
		t.Fatal(err)
	}
	return user, catalog, must[melu.Details](t)(model.Details())
}

func itemsOf(best []melu.Recommendation) []uint32 {
	var items []uint32
	for _, found := range best {
		items = append(items, found.Item)
	}
	return items
}

func TestRecommendationsHaveRatingsBesideScores(t *testing.T) {
	user, catalog, details := chooser(t, choosing)
	if !details.Choice || !details.Ratings || !details.Deviations {
		t.Errorf("details %+v", details)
	}
	scores := scores(t, user)
	ratings := must[[]float32](t)(user.AppendAllRatings(nil))
	if slices.Equal(scores, ratings) || len(ratings) != catalog.Len() {
		t.Errorf("scores %v and ratings %v", scores, ratings)
	}
	best := must[[]melu.Recommendation](t)(user.AppendBest(nil, 20, melu.RecommendOptions{}))
	items := itemsOf(best)
	deviations := must[[]float32](t)(user.AppendDeviations(nil, items))
	some := must[[]float32](t)(user.AppendRatings(nil, items))
	for i, found := range best {
		item := found.Item
		want := melu.Recommendation{Item: item, Score: scores[item], Rating: ratings[item], Deviation: deviations[i]}
		if found != want || some[i] != ratings[item] {
			t.Errorf("%+v, not %+v", found, want)
		}
	}
	byRating := must[[]melu.Recommendation](t)(user.AppendBest(nil, 20, melu.RecommendOptions{Order: melu.ByRating}))
	falls := func(a, b melu.Recommendation) int { return -int(math.Copysign(1, float64(a.Rating-b.Rating))) }
	if slices.Equal(itemsOf(byRating), items) || !slices.IsSortedFunc(byRating, falls) {
		t.Errorf("by rating %v", byRating)
	}
}

func TestOptionsSayWhichItemsThereAre(t *testing.T) {
	user, catalog, _ := chooser(t, choosing)
	best := func(options melu.RecommendOptions) []uint32 {
		t.Helper()
		best := must[[]melu.Recommendation](t)(user.AppendBest(nil, math.MaxInt, options))
		var batch melu.Batch
		if err := batch.Add(user, []uint32{3, 7, 12}, []float32{5, 1, 4}); err != nil {
			t.Fatal(err)
		}
		if err := batch.Recommend(context.Background(), math.MaxInt, options); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(batch.Best(0), best) {
			t.Errorf("%+v: a batch finds %v, not %v", options, batch.Best(0), best)
		}
		return itemsOf(best)
	}
	all := best(melu.RecommendOptions{})
	if got := best(melu.RecommendOptions{Among: []uint32{all[9], all[4], all[9], all[2]}}); !slices.Equal(got, []uint32{all[2], all[4], all[9]}) {
		t.Errorf("among: %v of %v", got, all)
	}
	if got := best(melu.RecommendOptions{Among: []uint32{}}); len(got) != 0 {
		t.Errorf("among none: %v", got)
	}
	if got := best(melu.RecommendOptions{Among: []uint32{}, AddNeighbours: true}); len(got) == 0 || len(got) > 12 {
		t.Errorf("neighbours: %v", got)
	}
	for _, item := range best(melu.RecommendOptions{MinRaters: 6}) {
		if raters := must[int](t)(catalog.Raters(item)); raters < 6 {
			t.Errorf("item %d has %d raters", item, raters)
		}
	}
	if got := best(melu.RecommendOptions{PopularityDiscount: 1}); slices.Equal(got, all) {
		t.Error("popularity is not discounted")
	}
	fresh := 0
	few := must[[]melu.Recommendation](t)(user.AppendBest(nil, 6, melu.RecommendOptions{NewItems: 4}))
	for _, found := range few {
		if must[int](t)(catalog.Raters(found.Item)) == 0 {
			fresh++
		}
	}
	if len(few) != 6 || fresh != 4 {
		t.Errorf("%d new items of %v", fresh, few)
	}
}

func TestAnIndexOfVectorsFindsTheSameBest(t *testing.T) {
	for _, path := range []string{choosing, positiveOnly} {
		user, catalog, details := chooser(t, path)
		width := details.VectorWidth
		rows := must[[]float32](t)(catalog.AppendItemVectors(nil, 0, uint32(catalog.Len())))
		vector := must[[]float32](t)(user.AppendVector([]float32{7}))[1:]
		if len(vector) != width || len(rows) != width*catalog.Len() {
			t.Fatalf("%d items have %d numbers, and the user %d of %d", catalog.Len(), len(rows), len(vector), width)
		}
		some := must[[]float32](t)(catalog.AppendItemVectors([]float32{7}, 5, 7))
		if !slices.Equal(some[1:], rows[5*width:7*width]) || some[0] != 7 {
			t.Errorf("two vectors are %v", some)
		}
		for _, wrong := range [][2]uint32{{0, uint32(catalog.Len()) + 1}, {2, 1}} {
			if _, err := catalog.AppendItemVectors(nil, wrong[0], wrong[1]); !errors.Is(err, melu.ErrItemIndex) {
				t.Errorf("%v: %v", wrong, err)
			}
		}
		product := func(item uint32) (sum float64) {
			for i, number := range vector {
				sum += float64(number) * float64(rows[int(item)*width+i])
			}
			return sum
		}
		var ranked []uint32
		for item := range uint32(catalog.Len()) {
			ranked = append(ranked, item)
		}
		slices.SortFunc(ranked, func(a, b uint32) int { return -int(math.Copysign(1, product(a)-product(b))) })
		want := must[[]melu.Recommendation](t)(user.AppendBest(nil, 5, melu.RecommendOptions{}))
		got := must[[]melu.Recommendation](t)(user.AppendBest(nil, 5,
			melu.RecommendOptions{Among: ranked[:25], AddNeighbours: true}))
		if !slices.Equal(itemsOf(got), itemsOf(want)) {
			t.Errorf("%v, not %v", got, want)
		}
	}
}

func TestPositiveOnlyModelsPredictNoRatings(t *testing.T) {
	user, _, details := chooser(t, positiveOnly)
	if !details.Choice || details.Ratings || details.Deviations || details.HeadParameters != 0 {
		t.Errorf("details %+v", details)
	}
	for i, err := range []error{
		second(user.AppendAllRatings(nil)), second(user.AppendRatings(nil, []uint32{1})),
		second(user.AppendDeviations(nil, []uint32{1})),
		second(user.AppendBest(nil, 3, melu.RecommendOptions{Order: melu.ByRating})),
	} {
		if !errors.Is(err, melu.ErrNotAvailable) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	for _, found := range must[[]melu.Recommendation](t)(user.AppendBest(nil, 5, melu.RecommendOptions{})) {
		rating, deviation := float64(found.Rating), float64(found.Deviation)
		if !math.IsNaN(rating) || !math.IsNaN(deviation) || math.IsNaN(float64(found.Score)) {
			t.Errorf("%+v", found)
		}
	}
}

func TestChoosingAllocatesNothing(t *testing.T) {
	if melu.Collecting {
		t.Skip("each call collects")
	}
	user, catalog, details := chooser(t, choosing)
	best, list := make([]melu.Recommendation, 0, 8), make([]float32, 0, details.VectorWidth)
	options := melu.RecommendOptions{Among: []uint32{1, 2, 5}, AddNeighbours: true, LeaveOut: []uint32{4}}
	for name, call := range map[string]func() error{
		"best":        func() (err error) { best, err = user.AppendBest(best[:0], 5, options); return },
		"vector":      func() (err error) { list, err = user.AppendVector(list[:0]); return },
		"item vector": func() (err error) { list, err = catalog.AppendItemVectors(list[:0], 3, 4); return },
	} {
		if n := testing.AllocsPerRun(100, func() {
			if err := call(); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
