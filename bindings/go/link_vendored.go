//go:build melu_vendored

package melu

import (
	// #cgo CFLAGS: -I${SRCDIR}/internal/native
	// #cgo linux,amd64 LDFLAGS: ${SRCDIR}/internal/native/libmelu_linux_amd64.a -lutil -lrt -lpthread -lm -ldl
	// #cgo linux,arm64 LDFLAGS: ${SRCDIR}/internal/native/libmelu_linux_arm64.a -lutil -lrt -lpthread -lm -ldl
	"C"

	_ "github.com/melu-rs/melu/bindings/go/internal/native"
)
