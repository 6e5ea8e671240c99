package melu

// #include "native.h"
// #cgo noescape go_model_open
// #cgo nocallback go_model_open
// #cgo noescape melu_model_open_bytes
// #cgo nocallback melu_model_open_bytes
// #cgo noescape melu_model_info
// #cgo nocallback melu_model_info
// #cgo noescape melu_model_evidence
// #cgo nocallback melu_model_evidence
import "C"

import (
	"io/fs"
	"os"
	"slices"
	"unsafe"
)

// Model is a meta-trained model: an opened weight file.
//
// Any number of goroutines may use it at once. Catalogues and users keep what they need
// of it, so it may be closed before them.
type Model struct {
	shared shared[*C.melu_model]
}

// OpenOptions say how a model is opened. The zero value is what [Open], [OpenBytes] and
// [OpenFS] take.
type OpenOptions struct {
	// MaxMemory is the most bytes that a catalogue of the model computes, and the most of
	// what a call computes in: a small file can describe items by very many numbers. What
	// would take more fails with [ErrMemoryLimit]. A catalogue that the file has computed
	// already, as melu's own files do, takes none. 0 stands for 1 GiB.
	MaxMemory uint
	// Copy reads a file into memory instead of mapping it. Then it may be truncated or
	// changed in place, and processes share none of it.
	Copy bool
}

func (o OpenOptions) native() C.melu_open_options {
	options := C.melu_open_options{max_memory: C.size_t(o.MaxMemory)}
	options.struct_size = C.size_t(unsafe.Sizeof(options))
	if o.Copy {
		options.copy = 1
	}
	return options
}

// Open opens a weight file, and checks it.
//
// Calls check the large tables of its items where they use them: a damaged one gives
// [ErrDiverged] or wrong scores, and no harm. `melu verify` reads all of a file.
//
// The file is mapped: the weights take no memory of their own, and several processes
// share them. It may be deleted, or replaced by renaming another over it, but must not be
// changed in place while the model is in use.
//
// Errors: [ErrIO], which also is the operating system's, as [fs.ErrNotExist], and
// [ErrWeightFile].
func Open(path string) (*Model, error) { return OpenOptions{}.Open(path) }

// Open is like the function, with these options.
//
// Errors: those of the function, and [ErrOutOfMemory] for a copy.
func (o OpenOptions) Open(path string) (*Model, error) {
	var pointer *C.melu_model
	var native C.melu_error
	options := o.native()
	text := (*C.char)(unsafe.Pointer(unsafe.StringData(path)))
	status := C.go_model_open(text, C.size_t(len(path)), &options, &pointer, &native)
	if err := check(status, &native); err != nil {
		if failure := err.(*Error); failure.Status == ErrIO {
			// The C library has the cause as text only: ask once more.
			file, cause := os.Open(path)
			if cause == nil {
				file.Close()
			}
			failure.cause = cause
		}
		return nil, err
	}
	return newModel(pointer), nil
}

// OpenBytes opens a weight file that lies in memory, as one that was embedded or
// downloaded, and checks it as [Open] does.
//
// The bytes are copied out of Go's memory, and may be changed afterwards.
//
// Errors: [ErrWeightFile], and [ErrOutOfMemory] for the copy.
func OpenBytes(data []byte) (*Model, error) { return OpenOptions{}.OpenBytes(data) }

// OpenBytes is like the function, with these options, of which Copy means nothing here.
func (o OpenOptions) OpenBytes(data []byte) (*Model, error) {
	var pointer *C.melu_model
	var native C.melu_error
	options := o.native()
	status := C.melu_model_open_bytes(unsafe.Pointer(unsafe.SliceData(data)),
		C.size_t(len(data)), &options, &pointer, &native)
	if err := check(status, &native); err != nil {
		return nil, err
	}
	return newModel(pointer), nil
}

// OpenFS opens a weight file of a file system, such as an [embed.FS] or a zip archive,
// and checks it as [Open] does. It reads the file and copies it, as [OpenBytes] does; for a
// file on disk, [Open] needs no memory.
//
// Errors: what the file system returns, and those of [OpenBytes].
func OpenFS(fsys fs.FS, name string) (*Model, error) { return OpenOptions{}.OpenFS(fsys, name) }

// OpenFS is like the function, with these options, of which Copy means nothing here.
func (o OpenOptions) OpenFS(fsys fs.FS, name string) (*Model, error) {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, err
	}
	return o.OpenBytes(data)
}

func freeModel(pointer *C.melu_model) { C.melu_model_free(pointer) }

func newModel(pointer *C.melu_model) *Model {
	model := new(Model)
	model.shared.own(pointer, freeModel)
	return model
}

// Close frees the model, after the calls that are using it; its catalogues and users go
// on. Closing it again does nothing. The error is always nil.
func (m *Model) Close() error {
	m.shared.close(freeModel)
	return nil
}

// Details say what a model is like.
type Details struct {
	// Fingerprint tells the model from others: a saved user knows its model by it.
	Fingerprint uint64
	// UserFields and ItemFields are how many fields describe a user and an item.
	UserFields, ItemFields int
	// Items is how many items the weight file has.
	Items int
	// Evidence is how many evidence candidates the weight file has.
	Evidence int
	// HeadParameters is how many numbers the head for ratings has, which adapts to a user; 0
	// without one.
	HeadParameters int
	// VectorWidth is how many numbers the vectors of users and items have; 0 without a head
	// for choosing.
	VectorWidth int
	// Choice: there is a head for choosing, and scores tell how likely a user is to choose an
	// item and to like it. Else a score is the predicted rating.
	Choice bool
	// Ratings: the model predicts ratings. Else it was trained on positive-only data, which
	// tell what people chose, and nothing else.
	Ratings bool
	// Clicks: ratings are clicks, 0 or 1, and predicted ones are probabilities.
	Clicks bool
	// Deviations: the model knows how far a rating may lie from the predicted one.
	Deviations bool
}

// Details says what the model is like. The first call for a model reads all of it, for
// the fingerprint.
func (m *Model) Details() (Details, error) {
	pointer, err := m.shared.use()
	if err != nil {
		return Details{}, err
	}
	defer m.shared.done()
	details := C.melu_model_details{struct_size: C.sizeof_melu_model_details}
	var native C.melu_error
	if err := check(C.melu_model_info(pointer, &details, &native), &native); err != nil {
		return Details{}, err
	}
	return Details{
		Fingerprint:    uint64(details.fingerprint),
		UserFields:     int(details.user_fields),
		ItemFields:     int(details.item_fields),
		Items:          int(details.items),
		Evidence:       int(details.evidence),
		HeadParameters: int(details.head_parameters),
		VectorWidth:    int(details.vector_width),
		Choice:         details.choice != 0,
		Ratings:        details.ratings != 0,
		Clicks:         details.clicks != 0,
		Deviations:     details.deviations != 0,
	}, nil
}

// Evidence is an item worth asking a new user about.
type Evidence struct {
	// Item is the item's index in the weight file's own catalogue.
	Item uint32
	// Score is what candidates are ranked by, best first: the product of the next two.
	Score float32
	// GradientNorm is how far a rating of it moves the head, divided by the largest.
	GradientNorm float32
	// Popularity is how many people rated it, divided by the largest.
	Popularity float32
}

// AppendEvidence appends to dst the n items that a new user is best asked about, best
// first, or fewer if the weight file has no more.
//
// Errors: [ErrNotAvailable] if the weight file has none.
func (m *Model) AppendEvidence(dst []Evidence, n int) ([]Evidence, error) {
	pointer, err := m.shared.use()
	if err != nil {
		return dst, err
	}
	defer m.shared.done()
	// n may be more than memory holds, and [Model.Details], which know better, read the whole
	// file: room is doubled while there may be more.
	for room := min(max(0, n), 256); ; room = min(n, 2*room) {
		grown := slices.Grow(dst, room)
		best := (*C.melu_evidence)(unsafe.Pointer(unsafe.SliceData(grown[len(dst):])))
		var length C.size_t
		var native C.melu_error
		status := C.melu_model_evidence(pointer, best, C.size_t(room), &length, &native)
		if err := check(status, &native); err != nil {
			return dst, err
		}
		if int(length) < room || room >= n {
			return grown[:len(dst)+int(length)], nil
		}
	}
}
