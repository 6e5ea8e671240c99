//go:build !cgo

package melu

// The compiler prints this when cgo is off, as it is for another platform than this one unless
// it is turned on.
const _ int = "package melu needs cgo: install a C compiler and set CGO_ENABLED=1; for another platform, set CC to a C compiler for it too"
