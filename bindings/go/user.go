package melu

// #include "native.h"
// #cgo noescape melu_user_new
// #cgo nocallback melu_user_new
// #cgo noescape melu_user_reserve
// #cgo nocallback melu_user_reserve
// #cgo noescape melu_user_adapt
// #cgo nocallback melu_user_adapt
// #cgo noescape melu_user_reset
// #cgo nocallback melu_user_reset
// #cgo noescape melu_user_score
// #cgo nocallback melu_user_score
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
// One goroutine at a time may use a user; different users may be used at once. A user
// takes some 150 KB outside of Go's heap, 250 KB with the paper's model, of which Go's
// garbage collector knows nothing: close users that are no longer needed.
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

// Reserve makes room, so that [User.Adapt] allocates nothing for up to so many ratings;
// a new user has room for 64.
//
// Errors: [ErrInvalidArgument], [ErrOutOfMemory].
func (u *User) Reserve(ratings int) error {
	if ratings < 0 {
		return invalidArgument("ratings is %d, which is below 0", ratings)
	}
	user, err := u.handle.use()
	if err != nil {
		return err
	}
	var native C.melu_error
	status := C.melu_user_reserve(user, C.size_t(ratings), &native)
	runtime.KeepAlive(u)
	return check(status, &native)
}

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

// AppendScores appends to dst the score of each of the items: a rating in the training
// data's unit, or a probability for a model of clicks.
//
// Errors: [ErrItemIndex]; dst is returned as it was.
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
	status := C.melu_user_score(user, items, length, floats(grown[len(dst):]), nil,
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
	// The library gives deviations beside the scores, which come first and are moved over.
	grown := slices.Grow(dst, 2*n)[:len(dst)+2*n]
	lists := grown[len(dst):]
	var native C.melu_error
	status := C.melu_user_score(user, indices(items), C.size_t(n), floats(lists[n:]),
		floats(lists[:n]), C.size_t(n), nil, &native)
	runtime.KeepAlive(u)
	if err := check(status, &native); err != nil {
		return dst, err
	}
	return grown[:len(dst)+n], nil
}

// Filter says what a recommendation leaves out, and how many threads look for it; the zero
// value leaves out what the user rated, and is for one thread.
type Filter struct {
	// LeaveOut are items that are left out, in any order.
	LeaveOut []uint32
	// KeepRated: what the user rated may be recommended too.
	KeepRated bool
	// Threads is how many threads compute, the calling one among them; 0 is as good as 1,
	// and no call has more than 256. They are threads of the system, beside those that run
	// goroutines, and end with the call. The result is the same for any number.
	Threads int
}

func (f *Filter) keepRated() C.uint32_t {
	if f.KeepRated {
		return 1
	}
	return 0
}

func (f *Filter) threads() C.uint32_t {
	return C.uint32_t(max(1, min(f.Threads, maxThreads)))
}

// Recommendation is an item and its score.
type Recommendation struct {
	// Item is the item's index in the user's catalogue.
	Item uint32
	// Score is a rating in the training data's unit, or a probability for a model of
	// clicks.
	Score float32
}

// AppendBest appends to dst the k best items of the user's catalogue, best first, or
// fewer if there are no more; of equal ones the one with the lower index first.
//
// It allocates nothing if dst has room for k more and there is one thread, but for a user's
// first after [Catalog.PrepareCoarsePass].
//
// Errors: [ErrItemIndex]; dst is returned as it was.
func (u *User) AppendBest(dst []Recommendation, k int, filter Filter) ([]Recommendation, error) {
	user, err := u.handle.use()
	if err != nil {
		return dst, err
	}
	k = max(0, min(k, u.items))
	grown := slices.Grow(dst, k)
	var length C.size_t
	var native C.melu_error
	status := C.go_user_recommend(user, indices(filter.LeaveOut),
		C.size_t(len(filter.LeaveOut)), filter.keepRated(), filter.threads(),
		recommendations(grown[len(dst):len(dst)+k]), C.size_t(k), &length, &native)
	runtime.KeepAlive(u)
	if err := check(status, &native); err != nil {
		return dst, err
	}
	return grown[:len(dst)+int(length)], nil
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
	// precision, and was adapted anew.
	AdaptedAnew bool
	// MissingItems is how many of the user's ratings are of items that the catalogue
	// lacks. They are kept, and saved again, until the user is adapted or reset.
	MissingItems int
}

// LoadUser loads a user that was saved, with this catalogue's model or another one. With
// the same model, the user scores the same bits at once; with another, and in a catalogue
// of another precision, the user is adapted anew from the ratings.
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
