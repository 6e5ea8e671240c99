//go:build melu_vendored

package loop

// #cgo CFLAGS: -I${SRCDIR}/../../native/include
// #cgo linux,amd64 LDFLAGS: ${SRCDIR}/../../native/linux_amd64/libmelu.a -lutil -lrt -lpthread -lm -ldl
// #cgo linux,arm64 LDFLAGS: ${SRCDIR}/../../native/linux_arm64/libmelu.a -lutil -lrt -lpthread -lm -ldl
import "C"
