package melu

// #include "native.h"
// #cgo noescape go_recommend_batch
// #cgo nocallback go_recommend_batch
import "C"

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"unsafe"
)

// How many users one call into C serves for each of its threads: what such a call and its
// threads cost is lost among so many, and a context is looked at between calls.
const batchStep = 32

// More threads the library does not start.
const maxThreads = 256

// Batch adapts and recommends for many users at once, so that the cost of calling C is
// paid for all of them together. The zero value is ready for use.
//
// One goroutine at a time may use a batch and the users in it. A batch that is cleared
// and filled again allocates nothing once it has been as large before.
type Batch struct {
	users    []*User
	pointers []*C.melu_user
	offsets  []C.size_t
	items    []uint32
	ratings  []float32
	best     []Recommendation
	lengths  []C.size_t
	k        int
}

// Len is how many users are in the batch.
func (b *Batch) Len() int { return len(b.users) }

// Clear takes all users out, and keeps the room. Results of the batch are no longer valid.
func (b *Batch) Clear() {
	clear(b.users)
	b.users, b.offsets, b.lengths = b.users[:0], b.offsets[:0], b.lengths[:0]
	b.items, b.ratings = b.items[:0], b.ratings[:0]
}

// Add puts a user into the batch, who is to be adapted to all of their ratings as by
// [User.Adapt]. The lists are copied. No user may be in a batch twice.
//
// Errors: [ErrInvalidArgument] for lists of different lengths.
func (b *Batch) Add(user *User, items []uint32, ratings []float32) error {
	if len(items) != len(ratings) {
		return invalidArgument("%d items have %d ratings", len(items), len(ratings))
	}
	if len(b.offsets) == 0 {
		b.offsets = append(b.offsets, 0)
	}
	b.users = append(b.users, user)
	b.items = append(b.items, items...)
	b.ratings = append(b.ratings, ratings...)
	b.offsets = append(b.offsets, C.size_t(len(b.items)))
	return nil
}

// Recommend adapts each user of the batch to their ratings and finds the k best items for
// each, with the same options for all; [Batch.Best] has them. With
// [RecommendOptions.Threads] above 1, the users are divided among threads.
//
// It stops when ctx is done, between users, and returns its error. It stops at the first
// failure too: errors are those of [User.Adapt] and [User.AppendBest], and [Error.User] is
// the first user with whom something is wrong. The users before are done then, and the
// others have no recommendations. If [RecommendOptions.Filter] panics, so does Recommend, and
// no user has recommendations.
func (b *Batch) Recommend(ctx context.Context, k int, options RecommendOptions) error {
	b.lengths = slices.Grow(b.lengths[:0], len(b.users))[:len(b.users)]
	clear(b.lengths)
	widest := 0
	for _, user := range b.users {
		widest = max(widest, user.items)
	}
	b.k = max(0, min(k, widest))
	b.best = slices.Grow(b.best[:0], b.k*len(b.users))[:b.k*len(b.users)]
	size := batchStep * int(options.threads())
	for start := 0; start < len(b.users); start += size {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := b.step(start, min(start+size, len(b.users)), &options); err != nil {
			return err
		}
	}
	return nil
}

// step serves the users from start to end by one call.
func (b *Batch) step(start, end int, options *RecommendOptions) error {
	b.pointers = b.pointers[:0]
	for _, user := range b.users[start:end] {
		pointer, err := user.handle.use()
		if err != nil {
			return err
		}
		b.pointers = append(b.pointers, pointer)
	}
	first, last := b.offsets[start], b.offsets[end]
	for i := start; i <= end; i++ {
		b.offsets[i] -= first
	}
	defer func() {
		for i := start; i <= end; i++ {
			b.offsets[i] += first
		}
		runtime.KeepAlive(b.users)
	}()
	var err error
	if options.Filter == nil {
		err = b.call(start, end, first, last, options)
	} else {
		err = b.callFiltered(start, end, first, last, options)
	}
	if failure, ok := err.(*Error); ok && failure.User >= 0 {
		// C counts from the step's first user, and begins the message with the place.
		_, problem, _ := strings.Cut(failure.Message, ": ")
		failure.User += start
		failure.Message = fmt.Sprintf("users[%d]: %s", failure.User, problem)
	}
	return err
}

func (b *Batch) call(start, end int, first, last C.size_t, options *RecommendOptions) error {
	var native C.melu_error
	status := C.go_recommend_batch(unsafe.SliceData(b.pointers), C.size_t(end-start),
		&b.offsets[start], indices(b.items[first:last]), floats(b.ratings[first:last]),
		last-first, options.native(), indices(options.LeaveOut), indices(options.Among),
		recommendations(b.best[b.k*start:b.k*end]), C.size_t(b.k), &b.lengths[start], &native)
	return check(status, &native)
}

// callFiltered does the same as call with a filter. It is a function of its own since what it
// hands to C lies on the heap: the stack may move while Go is called back.
func (b *Batch) callFiltered(start, end int, first, last C.size_t, options *RecommendOptions) error {
	var native C.melu_error
	var status C.melu_status
	done := false
	defer func() {
		if !done {
			clear(b.lengths) // The filter panicked.
		}
	}()
	withFilter(options.Filter, func(filter C.uintptr_t) {
		status = C.go_recommend_batch_filtered(unsafe.SliceData(b.pointers), C.size_t(end-start),
			&b.offsets[start], indices(b.items[first:last]), floats(b.ratings[first:last]),
			last-first, options.native(), indices(options.LeaveOut), indices(options.Among),
			filter, recommendations(b.best[b.k*start:b.k*end]), C.size_t(b.k),
			&b.lengths[start], &native)
	})
	done = true
	return check(status, &native)
}

// Best is what was recommended to the user who was added i-th, best first. It is valid
// until the batch is used again.
func (b *Batch) Best(i int) []Recommendation {
	return b.best[b.k*i:][:b.lengths[i]:b.lengths[i]]
}
