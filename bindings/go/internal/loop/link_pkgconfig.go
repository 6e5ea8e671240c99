//go:build !melu_vendored

package loop

// #cgo pkg-config: melu
import "C"
