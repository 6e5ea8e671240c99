package melu

// #include "native.h"
// #cgo noescape melu_user_new
// #cgo nocallback melu_user_new
// #cgo noescape melu_user_adapt
// #cgo nocallback melu_user_adapt
// #cgo noescape melu_user_reset
// #cgo nocallback melu_user_reset
// #cgo noescape melu_user_score
// #cgo nocallback melu_user_score
// #cgo noescape melu_user_predict
// #cgo nocallback melu_user_predict
// #cgo noescape melu_user_vector
// #cgo nocallback melu_user_vector
// #cgo noescape go_user_recommend
// #cgo nocallback go_user_recommend
// #cgo noescape melu_user_save
// #cgo nocallback melu_user_save
// #cgo noescape melu_user_load
// #cgo nocallback melu_user_load
import "C"

import (
	"runtime"
	"slices"
	"unsafe"
)

// User is a user of one catalogue: a profile, ratings, and the head adapted to them.
//
// Any number of goroutines may use a user at once, but for [User.Adapt], [User.Rate],
// [User.Withdraw], [User.Reset], [User.Close], and [Batch.Recommend] with the user in it: while
// one of these runs, nothing else may. A user of the default recipe takes some 3 KB outside of
// Go's heap, of which Go's garbage collector knows nothing: close users that are no longer
// needed. What calls compute in belongs to the catalogue: a scratch of some 400 KB for each
// call that ever ran at the same time as others, up to 64.
type User struct {
	handle  handle[*C.melu_user]
	items   int
	unknown int
}

func freeUser(pointer *C.melu_user) { C.melu_user_free(pointer) }

func newUser(pointer *C.melu_user, items int, unknown C.size_t) *User {
	user := &User{items: items, unknown: int(unknown)}
	user.handle.own(pointer, freeUser)
	return user
}

// NewUser makes a user of whom a profile is known: values by field, in any order.
//
// Errors: [ErrInvalidArgument], [ErrInvalidUTF8], [ErrUnknownField], [ErrFieldValue],
// [ErrOutOfMemory].
func (c *Catalog) NewUser(profile ...Value) (*User, error) {
	catalog, err := c.shared.use()
	if err != nil {
		return nil, err
	}
	defer c.shared.done()
	var pointer *C.melu_user
	var unknown C.size_t
	var native C.melu_error
	var status C.melu_status
	if len(profile) == 0 {
		status = C.melu_user_new(catalog, nil, 0, &pointer, nil, &native)
	} else {
		lists := newNative(nil, profile)
		status = C.melu_user_new(catalog, unsafe.SliceData(lists.values),
			C.size_t(len(profile)), &pointer, &unknown, &native)
		lists.pinner.Unpin()
	}
	if err := check(status, &native); err != nil {
		return nil, err
	}
	return newUser(pointer, c.length, unknown), nil
}

// Close frees the user. Closing it again does nothing. The error is always nil.
func (u *User) Close() error {
	u.handle.close(freeUser)
	return nil
}

// UnknownValues is how many names of the user's profile the model's vocabularies lack;
// they were left out.
func (u *User) UnknownValues() int { return u.unknown }

// Adapt adapts the user to all of their ratings: what was adapted before is replaced.
//
// ratings[i] is that of items[i], in the training data's unit; with clicks, 0 or 1. An
// item that is there twice counts twice. No ratings are as good as [User.Reset].
//
// Errors: [ErrInvalidArgument] for lists of different lengths, [ErrItemIndex],
// [ErrRating], [ErrOutOfMemory]: the user is as before. [ErrDiverged]: the user is reset.
func (u *User) Adapt(items []uint32, ratings []float32) error {
	if len(items) != len(ratings) {
		return invalidArgument("%d items have %d ratings", len(items), len(ratings))
	}
	user, err := u.handle.use()
	if err != nil {
		return err
	}
	var native C.melu_error
	status := C.melu_user_adapt(user, indices(items), floats(ratings), C.size_t(len(items)),
		&native)
	runtime.KeepAlive(u)
	return check(status, &native)
}

// Reset forgets the user's ratings, but not the profile.
func (u *User) Reset() error {
	user, err := u.handle.use()
	if err != nil {
		return err
	}
	var native C.melu_error
	status := C.melu_user_reset(user, &native)
	runtime.KeepAlive(u)
	return check(status, &native)
}

// AppendScores appends to dst the score of each of the items, by which recommendations are
// ordered. It tells how likely the user is to choose the item and to like it, in a unit of
// its own; of a model without a head for choosing ([Details.Choice]) it is the predicted
// rating.
//
// Errors: [ErrItemIndex], [ErrDiverged] with a damaged weight file; dst is returned as it was.
func (u *User) AppendScores(dst []float32, items []uint32) ([]float32, error) {
	return u.score(dst, indices(items), C.size_t(len(items)), len(items))
}

// AppendAllScores appends to dst the score of each item of the catalogue, in its order.
func (u *User) AppendAllScores(dst []float32) ([]float32, error) {
	return u.score(dst, nil, C.MELU_ALL_ITEMS, u.items)
}

func (u *User) score(dst []float32, items *C.uint32_t, length C.size_t, n int) ([]float32, error) {
	user, err := u.handle.use()
	if err != nil {
		return dst, err
	}
	grown := slices.Grow(dst, n)[:len(dst)+n]
	var native C.melu_error
	status := C.melu_user_score(user, items, length, floats(grown[len(dst):]), C.size_t(n), nil,
		&native)
	runtime.KeepAlive(u)
	if err := check(status, &native); err != nil {
		return dst, err
	}
	return grown, nil
}

// AppendRatings appends to dst what the user would rate each of the items if they tried it,
// in the training data's unit, or a probability for a model of clicks.
//
// Errors: [ErrItemIndex], [ErrDiverged] with a damaged weight file, [ErrNotAvailable] if the
// model was trained without ratings; dst is returned as it was.
func (u *User) AppendRatings(dst []float32, items []uint32) ([]float32, error) {
	return u.predict(dst, indices(items), C.size_t(len(items)), len(items))
}

// AppendAllRatings appends to dst what the user would rate each item of the catalogue, in
// its order.
//
// Errors: [ErrNotAvailable] if the model was trained without ratings.
func (u *User) AppendAllRatings(dst []float32) ([]float32, error) {
	return u.predict(dst, nil, C.MELU_ALL_ITEMS, u.items)
}

func (u *User) predict(dst []float32, items *C.uint32_t, length C.size_t, n int) ([]float32, error) {
	user, err := u.handle.use()
	if err != nil {
		return dst, err
	}
	grown := slices.Grow(dst, n)[:len(dst)+n]
	var native C.melu_error
	status := C.melu_user_predict(user, items, length, floats(grown[len(dst):]), nil,
		C.size_t(n), nil, &native)
	runtime.KeepAlive(u)
	if err := check(status, &native); err != nil {
		return dst, err
	}
	return grown, nil
}

// AppendDeviations appends to dst the standard deviation of what the user would say of
// each of the items.
//
// Errors: [ErrItemIndex], [ErrNotAvailable] if the model does not know; dst is returned
// as it was.
func (u *User) AppendDeviations(dst []float32, items []uint32) ([]float32, error) {
	user, err := u.handle.use()
	if err != nil {
		return dst, err
	}
	n := len(items)
	// The library gives deviations beside the ratings, which it writes behind them.
	grown := slices.Grow(dst, 2*n)[:len(dst)+2*n]
	lists := grown[len(dst):]
	var native C.melu_error
	status := C.melu_user_predict(user, indices(items), C.size_t(n), floats(lists[n:]),
		floats(lists[:n]), C.size_t(n), nil, &native)
	runtime.KeepAlive(u)
	if err := check(status, &native); err != nil {
		return dst, err
	}
	return grown[:len(dst)+n], nil
}

// AppendVector appends to dst the user as a vector: what those of
// [Catalog.AppendItemVectors] are multiplied with, and as wide. It changes when the user is
// adapted or reset.
//
// Errors: [ErrNotAvailable] for a model without a head for choosing.
func (u *User) AppendVector(dst []float32) ([]float32, error) {
	user, err := u.handle.use()
	if err != nil {
		return dst, err
	}
	for {
		room := dst[len(dst):cap(dst)]
		var width C.size_t
		var native C.melu_error
		status := C.melu_user_vector(user, floats(room), C.size_t(len(room)), &width, &native)
		runtime.KeepAlive(u)
		if Status(status) == statusCapacity {
			dst = slices.Grow(dst, int(width))
			continue
		}
		if err := check(status, &native); err != nil {
			return dst, err
		}
		return dst[:len(dst)+int(width)], nil
	}
}

// Order is what recommendations are ordered by.
type Order uint32

const (
	// ByScore is by how likely the user is to choose the item and to like it: see
	// [User.AppendScores].
	ByScore Order = C.MELU_ORDER_SCORE
	// ByRating is by what the user would rate the item: see [User.AppendRatings].
	ByRating Order = C.MELU_ORDER_RATING
)

// RecommendOptions say which items are recommended, in what order, and how many threads look
// for them. The zero value is the best of the catalogue by score, without what the user
// rated, and for one thread.
type RecommendOptions struct {
	// LeaveOut are items that are left out, in any order.
	LeaveOut []uint32
	// Among are the only items to recommend, in any order, as a search or an index of vectors
	// found them; one that is there twice counts once. Nil: all items of the catalogue.
	Among []uint32
	// AddNeighbours: items that neighbours of the user's answers speak for or against may be
	// recommended too where Among lacks them. An index of vectors does not find them all.
	AddNeighbours bool
	// KeepRated: what the user rated may be recommended too.
	KeepRated bool
	// Order is what recommendations are ordered by.
	Order Order
	// PopularityDiscount is how much less it counts than in training that an item is much
	// chosen: 0, as trained; 1, not at all. It changes the order by score alone.
	PopularityDiscount float32
	// MinRaters: items with fewer raters in training are left out.
	MinRaters uint32
	// Filter decides whether an item may be recommended; nil: every item may. It is called for
	// items that would come into the list otherwise, some hundred times for a list of 20, at
	// some hundred nanoseconds for each; with Threads above 1, by several threads at once. If
	// it panics, no other item passes, and the call panics when it is over. It must not end its
	// goroutine as [runtime.Goexit] does.
	Filter func(item uint32) bool
	// NewItems: at least so many places go to items that nobody chose in training, if there
	// are as many.
	NewItems int
	// Threads is how many threads compute, the calling one among them; 0 is as good as 1,
	// and no call has more than 256. They are threads of the system, beside those that run
	// goroutines, and end with the call. The result is the same for any number.
	Threads int
}

// native is what C takes, but for the lists.
func (o *RecommendOptions) native() C.melu_recommend_options {
	return C.melu_recommend_options{
		struct_size:         C.sizeof_melu_recommend_options,
		leave_out_len:       C.size_t(len(o.LeaveOut)),
		among_len:           C.size_t(len(o.Among)),
		new_items:           C.size_t(max(0, o.NewItems)),
		add_neighbours:      flag(o.AddNeighbours),
		keep_rated:          flag(o.KeepRated),
		order:               C.uint32_t(o.Order),
		min_raters:          C.uint32_t(o.MinRaters),
		popularity_discount: C.float(o.PopularityDiscount),
		threads:             o.threads(),
	}
}

func flag(set bool) C.uint32_t {
	if set {
		return 1
	}
	return 0
}

func (o *RecommendOptions) threads() C.uint32_t {
	return C.uint32_t(max(1, min(o.Threads, maxThreads)))
}

// Recommendation is an item, its score, and what the user would rate it.
type Recommendation struct {
	// Item is the item's index in the user's catalogue.
	Item uint32
	// Score is what it was ordered by: see [User.AppendScores]; or the predicted rating.
	Score float32
	// Rating is the predicted rating: see [User.AppendRatings]. Not a number if the model was
	// trained without ratings.
	Rating float32
	// Deviation is the standard deviation of that; not a number where the model knows none.
	Deviation float32
}

// AppendBest appends to dst the k best items of the user's catalogue or of a list, best
// first, or fewer if there are no more; of equal ones the one with the lower index first.
//
// It allocates nothing if dst has room for k more and there is one thread and no filter, but,
// in C, for more new items than before.
//
// Errors: [ErrItemIndex], [ErrInvalidArgument] for a discount that is not a number,
// [ErrNotAvailable] for an order by ratings that the model does not predict, [ErrDiverged]
// with a damaged weight file; dst is returned as it was.
func (u *User) AppendBest(dst []Recommendation, k int, options RecommendOptions) ([]Recommendation, error) {
	user, err := u.handle.use()
	if err != nil {
		return dst, err
	}
	k = max(0, min(k, u.items))
	if options.Filter != nil {
		return u.appendFiltered(user, dst, k, &options)
	}
	grown := slices.Grow(dst, k)
	var length C.size_t
	var native C.melu_error
	status := C.go_user_recommend(user, options.native(), indices(options.LeaveOut),
		indices(options.Among), recommendations(grown[len(dst):len(dst)+k]), C.size_t(k),
		&length, &native)
	runtime.KeepAlive(u)
	if err := check(status, &native); err != nil {
		return dst, err
	}
	return grown[:len(dst)+int(length)], nil
}

// appendFiltered does the same as AppendBest with a filter. It is a function of its own since
// what it hands to C lies on the heap: the stack may move while Go is called back. So that dst
// need not lie there, C writes to a list that is made here.
func (u *User) appendFiltered(user *C.melu_user, dst []Recommendation, k int, options *RecommendOptions) ([]Recommendation, error) {
	best := make([]Recommendation, k)
	var length C.size_t
	var native C.melu_error
	var status C.melu_status
	withFilter(options.Filter, func(filter C.uintptr_t) {
		status = C.go_user_recommend_filtered(user, options.native(), indices(options.LeaveOut),
			indices(options.Among), filter, recommendations(best), C.size_t(k), &length, &native)
	})
	runtime.KeepAlive(u)
	if err := check(status, &native); err != nil {
		return dst, err
	}
	return append(dst, best[:length]...), nil
}

// AppendBinary appends to dst the saved user: profile, ratings by item id, and the
// adapted head, versioned and checked. It implements [encoding.BinaryAppender].
//
// Any number of goroutines may save a user at once, while nobody changes it.
func (u *User) AppendBinary(dst []byte) ([]byte, error) {
	user, err := u.handle.use()
	if err != nil {
		return dst, err
	}
	for {
		room := dst[len(dst):cap(dst)]
		var length C.size_t
		var native C.melu_error
		status := C.melu_user_save(user, (*C.uint8_t)(unsafe.SliceData(room)),
			C.size_t(len(room)), &length, &native)
		runtime.KeepAlive(u)
		if Status(status) == statusCapacity {
			dst = slices.Grow(dst, int(length))
			continue
		}
		if err := check(status, &native); err != nil {
			return dst, err
		}
		return dst[:len(dst)+int(length)], nil
	}
}

// MarshalBinary returns the saved user, as [User.AppendBinary] does.
func (u *User) MarshalBinary() ([]byte, error) { return u.AppendBinary(nil) }

// LoadReport says what became of a user that was loaded.
type LoadReport struct {
	// AdaptedAnew: the user was saved by another model, or in a catalogue of another
	// data type, and was adapted anew.
	AdaptedAnew bool
	// MissingItems is how many of the user's ratings are of items that the catalogue
	// lacks. They are kept, and saved again, until the user is adapted or reset.
	MissingItems int
}

// LoadUser loads a user that was saved, with this catalogue's model or another one. With
// the same model, the user scores the same bits at once; with another, and in a catalogue
// of another data type, the user is adapted anew from the ratings.
//
// Errors: [ErrSavedUser], [ErrOutOfMemory]; with another model, [ErrRating] and
// [ErrDiverged] if it cannot learn from the ratings.
func (c *Catalog) LoadUser(data []byte) (*User, LoadReport, error) {
	catalog, err := c.shared.use()
	if err != nil {
		return nil, LoadReport{}, err
	}
	defer c.shared.done()
	var pointer *C.melu_user
	report := C.melu_load_report{struct_size: C.sizeof_melu_load_report}
	var native C.melu_error
	status := C.melu_user_load(catalog, (*C.uint8_t)(unsafe.SliceData(data)),
		C.size_t(len(data)), &pointer, &report, &native)
	if err := check(status, &native); err != nil {
		return nil, LoadReport{}, err
	}
	return newUser(pointer, c.length, report.unknown_values), LoadReport{
		AdaptedAnew:  report.adapted_anew != 0,
		MissingItems: int(report.missing_items),
	}, nil
}

// The same memory under C's names.

func indices(list []uint32) *C.uint32_t {
	return (*C.uint32_t)(unsafe.Pointer(unsafe.SliceData(list)))
}

func floats(list []float32) *C.float {
	return (*C.float)(unsafe.Pointer(unsafe.SliceData(list)))
}

func recommendations(list []Recommendation) *C.melu_recommendation {
	return (*C.melu_recommendation)(unsafe.Pointer(unsafe.SliceData(list)))
}

// Both languages must lay the structs out alike.
var (
	_ [unsafe.Sizeof(Recommendation{})]byte = [C.sizeof_melu_recommendation]byte{}
	_ [unsafe.Sizeof(Evidence{})]byte       = [C.sizeof_melu_evidence]byte{}
)
