package melu

// #include "native.h"
// #cgo noescape melu_user_rate
// #cgo nocallback melu_user_rate
// #cgo noescape melu_user_withdraw
// #cgo nocallback melu_user_withdraw
// #cgo noescape melu_user_ratings
// #cgo nocallback melu_user_ratings
// #cgo noescape melu_user_unknown_profile
// #cgo nocallback melu_user_unknown_profile
import "C"

import (
	"runtime"
	"slices"
	"unsafe"
)

// Rate adds a rating, or changes the one that the user gave of the item before, and adapts
// the user to all of their ratings.
//
// Errors: [ErrItemIndex], [ErrRating], [ErrOutOfMemory]: the user is as before.
// [ErrDiverged]: the user is reset.
func (u *User) Rate(item uint32, rating float32) error {
	user, err := u.handle.use()
	if err != nil {
		return err
	}
	var native C.melu_error
	status := C.melu_user_rate(user, C.uint32_t(item), C.float(rating), &native)
	runtime.KeepAlive(u)
	return check(status, &native)
}

// Withdraw withdraws the user's rating of an item, and adapts the user to the others.
//
// Errors: [ErrItemIndex], [ErrNotFound] if the user did not rate the item, [ErrOutOfMemory]:
// the user is as before. [ErrDiverged]: the user is reset.
func (u *User) Withdraw(item uint32) error {
	user, err := u.handle.use()
	if err != nil {
		return err
	}
	var native C.melu_error
	status := C.melu_user_withdraw(user, C.uint32_t(item), &native)
	runtime.KeepAlive(u)
	return check(status, &native)
}

// AppendRated appends to items what the user rated, and to ratings the rating of each: what
// the user is adapted to. What [User.AppendRatings] appends is predicted.
func (u *User) AppendRated(items []uint32, ratings []float32) ([]uint32, []float32, error) {
	user, err := u.handle.use()
	if err != nil {
		return items, ratings, err
	}
	for {
		rated, said := items[len(items):cap(items)], ratings[len(ratings):cap(ratings)]
		var n C.size_t
		var native C.melu_error
		status := C.melu_user_ratings(user, indices(rated), floats(said),
			C.size_t(min(len(rated), len(said))), &n, &native)
		runtime.KeepAlive(u)
		if Status(status) == statusCapacity {
			items, ratings = slices.Grow(items, int(n)), slices.Grow(ratings, int(n))
			continue
		}
		if err := check(status, &native); err != nil {
			return items, ratings, err
		}
		return items[:len(items)+int(n)], ratings[:len(ratings)+int(n)], nil
	}
}

// UnknownProfile returns the values of the user's profile that the model does not know, in
// the order in which they were given: names that its vocabularies lack, and numbers far
// beyond those of the training data. [User.UnknownValues] is how many there are.
func (u *User) UnknownProfile() ([]Value, error) {
	user, err := u.handle.use()
	if err != nil {
		return nil, err
	}
	var n C.size_t
	var native C.melu_error
	status := C.melu_user_unknown_profile(user, nil, 0, &n, &native)
	found := make([]C.melu_value, n)
	if Status(status) == statusCapacity {
		status = C.melu_user_unknown_profile(user, unsafe.SliceData(found), n, &n, &native)
	}
	var unknown []Value
	if status == C.MELU_STATUS_OK {
		for i := range found {
			unknown = append(unknown, Value{
				field:  goString(found[i].field),
				kind:   found[i].kind,
				index:  uint32(found[i].index),
				name:   goString(found[i].name),
				number: float32(found[i].number),
			})
		}
	}
	// The texts are the user's.
	runtime.KeepAlive(u)
	return unknown, check(status, &native)
}
