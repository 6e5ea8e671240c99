//go:build !melu_vendored

package melu

// #cgo pkg-config: melu
import "C"
