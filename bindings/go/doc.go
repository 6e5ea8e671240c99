// Package melu recommends to people nobody knows yet: a model that was meta-trained on
// many people's ratings adapts to somebody new from a handful of answers, in
// microseconds, inside the program.
//
// A [Model] is an opened weight file, a [Catalog] the items that can be recommended, and a
// [User] somebody with a profile and ratings:
//
//	model, err := melu.Open("movies.melu")
//	catalog, err := model.Catalog()
//	user, err := catalog.NewUser(melu.Name("age", "25-34"))
//	err = user.Adapt([]uint32{6, 11}, []float32{5, 1.5})
//	best, err := user.AppendBest(nil, 10, melu.RecommendOptions{})
//
// # Goroutines
//
// Any number of goroutines may use a Model or a Catalog at once, and close it meanwhile:
// Close waits for calls in progress, and later ones return [ErrClosed]. Calls for one User may
// run at once, too, but for Adapt, Rate, Withdraw, Reset and Close, which nothing else may run
// beside. A [Questions] and a [Batch] are used, and closed, by one goroutine at a time.
//
// # Memory
//
// What is not closed is freed some time after nobody refers to it. The garbage collector
// does not know how much memory lies behind, so close what is made often, as users are.
//
// Methods named Append write behind what dst holds, and allocate nothing if it has room.
// Slices that are handed in are read or written during the call, and not kept.
//
// # Errors
//
// An error from the library is an [*Error] with a message that names the argument, field,
// index and value, and is one of the [Status] constants for [errors.Is].
//
// # Linking
//
// The package needs cgo and the C library: with the build tag melu_vendored, the static one
// that comes with this module, which becomes part of the program; without it, an installed
// one that pkg-config finds. The build tag melu_collect collects garbage before each call
// into C, to find mistakes in this package.
package melu

// #include "native.h"
import "C"

// Version is the C library's version, as in "0.1.0".
func Version() string { return goString(C.melu_version()) }

// Kernel is the instructions that this processor's scores are computed with, as in
// "avx2". Scores agree between processors to 1e-5 relative, and on one processor to the
// bit.
func Kernel() string { return goString(C.melu_kernel_name()) }
