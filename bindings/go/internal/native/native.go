//go:build melu_vendored

// Package native has the C library for programs that are built with the tag
// melu_vendored: melu.h, and an archive for each platform. It is a package so that they
// come along by `go mod vendor`.
package native

import _ "embed"

// Sums are SHA-256 sums of what is here. Go does not look at archives to find out whether a
// program is to be linked anew, but it looks at this.
//
//go:embed SHA256SUMS
var Sums string
