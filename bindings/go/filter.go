package melu

// #include "native.h"
import "C"

import (
	"runtime/cgo"
	"sync/atomic"
)

// filterCall is a filter during one call of C. A panic must not pass through C, and would end
// the program on a thread that C started, so it is kept until the call is over.
type filterCall struct {
	filter   func(item uint32) bool
	panicked atomic.Pointer[any]
}

func (c *filterCall) letsPass(item uint32) (passes bool) {
	if c.panicked.Load() != nil {
		return false
	}
	defer func() {
		if cause := recover(); cause != nil {
			passes = false
			c.panicked.CompareAndSwap(nil, &cause)
		}
	}()
	return c.filter(item)
}

// withFilter makes a call that may ask the filter, and panics with what the filter panicked
// with.
func withFilter(filter func(item uint32) bool, call func(filter C.uintptr_t)) {
	during := &filterCall{filter: filter}
	handle := cgo.NewHandle(during)
	defer handle.Delete()
	call(C.uintptr_t(handle))
	if cause := during.panicked.Load(); cause != nil {
		panic(*cause)
	}
}

//export meluGoFilter
func meluGoFilter(item C.uint32_t, filter C.uintptr_t) C.int32_t {
	if cgo.Handle(filter).Value().(*filterCall).letsPass(uint32(item)) {
		return 1
	}
	return 0
}
