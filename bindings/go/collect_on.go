//go:build cgo && melu_collect

package melu

import (
	"fmt"
	"runtime"
	"sync"
)

// What cleanups have freed. C may give an address out again, so one that is seen with an
// owner is taken out.
var freedPointers sync.Map

// beforeCall collects garbage between taking a pointer and calling C with it, and panics
// if that has freed the pointer: then its owner was not kept alive.
func beforeCall[P comparable](pointer P) {
	freedPointers.Delete(pointer)
	// Cleanups run after a collection, one after another, in a goroutine of their own.
	done := make(chan struct{})
	func() {
		sentinel := new([64]byte)
		runtime.AddCleanup(sentinel, func(done chan struct{}) { close(done) }, done)
		runtime.KeepAlive(sentinel)
	}()
	runtime.GC()
	<-done
	runtime.GC()
	if _, found := freedPointers.Load(pointer); found {
		panic(fmt.Sprintf("melu: %T freed while in use: KeepAlive is missing", pointer))
	}
}

func freed[P comparable](pointer P) { freedPointers.Store(pointer, struct{}{}) }
