package melu

// #include "native.h"
import "C"

import (
	"bytes"
	"errors"
	"fmt"
	"unsafe"
)

// ErrClosed is returned by methods of what was closed before.
var ErrClosed = errors.New("melu: used after Close")

// Status says why a call failed. Its constants are errors, so that
//
//	errors.Is(err, melu.ErrRating)
//
// tells one cause from another. Later versions of the library may add more.
type Status int32

// What may be wrong.
const (
	// ErrInvalidArgument: an argument cannot be, as a list that does not fit another one.
	ErrInvalidArgument Status = C.MELU_STATUS_INVALID_ARGUMENT
	// ErrInvalidUTF8: a string is not UTF-8.
	ErrInvalidUTF8 Status = C.MELU_STATUS_INVALID_UTF8
	// ErrIO: the operating system refused to open or read a file.
	ErrIO Status = C.MELU_STATUS_IO
	// ErrWeightFile: the weight file breaks the format.
	ErrWeightFile Status = C.MELU_STATUS_WEIGHT_FILE
	// ErrUnknownField: the model has no field of that name.
	ErrUnknownField Status = C.MELU_STATUS_UNKNOWN_FIELD
	// ErrFieldValue: a field cannot have that value.
	ErrFieldValue Status = C.MELU_STATUS_FIELD_VALUE
	// ErrItemIndex: an item's index is beyond the end of the catalogue.
	ErrItemIndex Status = C.MELU_STATUS_ITEM_INDEX
	// ErrRating: a rating cannot be learned from: it is not finite, or not 0 or 1 for a
	// model of clicks.
	ErrRating Status = C.MELU_STATUS_RATING
	// ErrDiverged: a result is not a finite number: ratings are too large to adapt to, and
	// the user is reset; or a score is not, as with a damaged weight file.
	ErrDiverged Status = C.MELU_STATUS_DIVERGED
	// ErrNotFound: there is no such item, or nothing left to choose from.
	ErrNotFound Status = C.MELU_STATUS_NOT_FOUND
	// ErrNotAvailable: the model does not have what was asked for: a catalogue, evidence,
	// ratings, deviations, vectors.
	ErrNotAvailable Status = C.MELU_STATUS_NOT_AVAILABLE
	// ErrSavedUser: the bytes are not a saved user, or not whole.
	ErrSavedUser Status = C.MELU_STATUS_SAVED_USER
	// ErrOutOfMemory: memory ran out; nothing was changed.
	ErrOutOfMemory Status = C.MELU_STATUS_OUT_OF_MEMORY
	// ErrPanic: the library failed in a way that it should not. What was called refuses
	// further use, and can only be closed. Please report it.
	ErrPanic Status = C.MELU_STATUS_PANIC
	// ErrMemoryLimit: more memory would be taken than [OpenOptions] allow; nothing was
	// changed.
	ErrMemoryLimit Status = C.MELU_STATUS_MEMORY_LIMIT

	// That of a list too short for the answer, which this package makes long enough.
	statusCapacity Status = C.MELU_STATUS_CAPACITY
)

// Error says what the status means, in a few words.
func (s Status) Error() string {
	text := C.melu_status_str(C.int32_t(s))
	return "melu: " + goString(text)
}

// Error is why a call failed. It unwraps to its [Status], and, for a file that cannot be
// opened, to the operating system's error, such as [io/fs.ErrNotExist].
type Error struct {
	// Status is the kind of failure.
	Status Status
	// Message names the argument, file, field, index and value concerned.
	Message string
	// User is which user of a [Batch] it is about, counted from 0 in the order in which
	// they were added; -1 if it is about none.
	User int

	cause error
}

// Error is the message, after the package's name.
func (e *Error) Error() string { return "melu: " + e.Message }

// Unwrap gives what [errors.Is] looks for.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.Status}
	}
	return []error{e.Status, e.cause}
}

func invalidArgument(format string, arguments ...any) error {
	return &Error{Status: ErrInvalidArgument, Message: fmt.Sprintf(format, arguments...), User: -1}
}

// check makes an error of what a C function returned.
func check(status C.melu_status, native *C.melu_error) error {
	if status == C.MELU_STATUS_OK {
		return nil
	}
	// A long message is cut between characters, up to three bytes before the end, with a NUL there.
	message := unsafe.Slice((*byte)(unsafe.Pointer(&native.message)), len(native.message))
	message, _, _ = bytes.Cut(message, []byte{0})
	user := -1
	if native.user != C.MELU_NO_USER {
		user = int(native.user)
	}
	return &Error{Status: Status(status), Message: string(message), User: user}
}

func goString(text C.melu_str) string {
	return string(unsafe.Slice((*byte)(unsafe.Pointer(text.data)), int(text.len)))
}
