package melu

// #include "native.h"
// #cgo noescape melu_model_catalog
// #cgo nocallback melu_model_catalog
// #cgo noescape melu_catalog_new
// #cgo nocallback melu_catalog_new
// #cgo noescape melu_catalog_extend
// #cgo nocallback melu_catalog_extend
// #cgo noescape melu_catalog_convert
// #cgo nocallback melu_catalog_convert
// #cgo noescape melu_catalog_remove
// #cgo nocallback melu_catalog_remove
// #cgo noescape go_catalog_find
// #cgo nocallback go_catalog_find
// #cgo noescape melu_catalog_id
// #cgo nocallback melu_catalog_id
// #cgo noescape melu_catalog_title
// #cgo nocallback melu_catalog_title
// #cgo noescape melu_catalog_raters
// #cgo nocallback melu_catalog_raters
// #cgo noescape melu_catalog_item_vectors
// #cgo nocallback melu_catalog_item_vectors
// #cgo nocallback melu_catalog_len
import "C"

import (
	"fmt"
	"slices"
	"unsafe"
)

// Catalog is a list of items with their features, known by index from 0.
//
// Any number of goroutines may use it at once; it never changes. Make one, and share it.
// Users keep what they need of it, so it may be closed before them.
type Catalog struct {
	shared  shared[*C.melu_catalog]
	length  int
	unknown int
}

func freeCatalog(pointer *C.melu_catalog) { C.melu_catalog_free(pointer) }

func newCatalog(pointer *C.melu_catalog, unknown C.size_t) *Catalog {
	catalog := &Catalog{length: int(C.melu_catalog_len(pointer)), unknown: int(unknown)}
	catalog.shared.own(pointer, freeCatalog)
	return catalog
}

// Catalog makes a catalogue of the weight file's own items. It shares the tables of a file that
// melu wrote, at no cost; for another file it embeds every item.
//
// Errors: [ErrNotAvailable] if the file has no items, [ErrOutOfMemory].
func (m *Model) Catalog() (*Catalog, error) {
	model, err := m.shared.use()
	if err != nil {
		return nil, err
	}
	defer m.shared.done()
	var pointer *C.melu_catalog
	var native C.melu_error
	if err := check(C.melu_model_catalog(model, &pointer, &native), &native); err != nil {
		return nil, err
	}
	return newCatalog(pointer, 0), nil
}

// NewCatalog makes a catalogue of items given by their field values.
//
// Errors: [ErrInvalidArgument], also for an id that is there twice, [ErrInvalidUTF8],
// [ErrUnknownField], [ErrFieldValue], [ErrOutOfMemory].
func (m *Model) NewCatalog(items []Item) (*Catalog, error) {
	model, err := m.shared.use()
	if err != nil {
		return nil, err
	}
	defer m.shared.done()
	lists := newNative(items, nil)
	defer lists.pinner.Unpin()
	var pointer *C.melu_catalog
	var unknown C.size_t
	var native C.melu_error
	status := C.melu_catalog_new(model, unsafe.SliceData(lists.items), C.size_t(len(items)),
		&pointer, &unknown, &native)
	if err := check(status, &native); err != nil {
		return nil, err
	}
	return newCatalog(pointer, unknown), nil
}

// Extend makes a catalogue of this one's items, at their indices, and after them more.
//
// This catalogue stays as it is, and may be closed while its users go on; so a service
// swaps the two. A user moves to the new one by [User.AppendBinary] and
// [Catalog.LoadUser].
//
// Errors: as [Model.NewCatalog].
func (c *Catalog) Extend(items []Item) (*Catalog, error) {
	catalog, err := c.shared.use()
	if err != nil {
		return nil, err
	}
	defer c.shared.done()
	lists := newNative(items, nil)
	defer lists.pinner.Unpin()
	var pointer *C.melu_catalog
	var unknown C.size_t
	var native C.melu_error
	status := C.melu_catalog_extend(catalog, unsafe.SliceData(lists.items),
		C.size_t(len(items)), &pointer, &unknown, &native)
	if err := check(status, &native); err != nil {
		return nil, err
	}
	return newCatalog(pointer, unknown), nil
}

// Remove makes a catalogue of this one's items without some of them, in any order: the items
// that stay keep their order, and move up.
//
// This catalogue stays as it is, and may be closed while its users go on. A user moves to the
// new one by [User.AppendBinary] and [Catalog.LoadUser], and keeps ratings of items that are
// gone.
//
// Errors: [ErrItemIndex], [ErrOutOfMemory].
func (c *Catalog) Remove(items []uint32) (*Catalog, error) {
	catalog, err := c.shared.use()
	if err != nil {
		return nil, err
	}
	defer c.shared.done()
	var pointer *C.melu_catalog
	var native C.melu_error
	status := C.melu_catalog_remove(catalog, indices(items), C.size_t(len(items)), &pointer,
		&native)
	if err := check(status, &native); err != nil {
		return nil, err
	}
	return newCatalog(pointer, C.size_t(c.unknown)), nil
}

// DataType is what a catalogue keeps its rows in.
type DataType uint32

const (
	// F32 is IEEE 754 binary32: 4 bytes a number.
	F32 DataType = C.MELU_DATA_TYPE_F32
	// F16 is IEEE 754 binary16: 2 bytes a number. Scores move by some thousandth of their
	// spread.
	F16 DataType = C.MELU_DATA_TYPE_F16
)

// Convert makes a catalogue of this one's items in another data type.
//
// This catalogue stays as it is, and may be closed while its users go on. A user moves to
// the new one by [User.AppendBinary] and [Catalog.LoadUser], which adapts them anew.
//
// Errors: [ErrInvalidArgument], also for an item that f16 cannot describe,
// [ErrOutOfMemory].
func (c *Catalog) Convert(dataType DataType) (*Catalog, error) {
	catalog, err := c.shared.use()
	if err != nil {
		return nil, err
	}
	defer c.shared.done()
	var pointer *C.melu_catalog
	var native C.melu_error
	status := C.melu_catalog_convert(catalog, C.uint32_t(dataType), &pointer, &native)
	if err := check(status, &native); err != nil {
		return nil, err
	}
	return newCatalog(pointer, C.size_t(c.unknown)), nil
}

// Close frees the catalogue, after the calls that are using it; its users go on. Closing
// it again does nothing. The error is always nil.
func (c *Catalog) Close() error {
	c.shared.close(freeCatalog)
	return nil
}

// Len is how many items there are.
func (c *Catalog) Len() int { return c.length }

// UnknownValues is how many names of the items that the catalogue was made or extended
// with the model's vocabularies lack; they were left out.
func (c *Catalog) UnknownValues() int { return c.unknown }

// Find returns the index of the item with an id, by a binary search.
//
// Errors: [ErrNotFound], [ErrInvalidUTF8].
func (c *Catalog) Find(id string) (uint32, error) {
	catalog, err := c.shared.use()
	if err != nil {
		return 0, err
	}
	defer c.shared.done()
	var item C.uint32_t
	var native C.melu_error
	text := (*C.char)(unsafe.Pointer(unsafe.StringData(id)))
	status := C.go_catalog_find(catalog, text, C.size_t(len(id)), &item, &native)
	return uint32(item), check(status, &native)
}

// ID returns the id of the item at an index.
//
// Errors: [ErrItemIndex].
func (c *Catalog) ID(item uint32) (string, error) {
	catalog, err := c.shared.use()
	if err != nil {
		return "", err
	}
	defer c.shared.done()
	var text C.melu_str
	var native C.melu_error
	status := C.melu_catalog_id(catalog, C.uint32_t(item), &text, &native)
	if err := check(status, &native); err != nil {
		return "", err
	}
	return goString(text), nil
}

// Title returns the title of the item at an index; it is empty where there is none.
//
// Errors: [ErrItemIndex].
func (c *Catalog) Title(item uint32) (string, error) {
	catalog, err := c.shared.use()
	if err != nil {
		return "", err
	}
	defer c.shared.done()
	var text C.melu_str
	var native C.melu_error
	status := C.melu_catalog_title(catalog, C.uint32_t(item), &text, &native)
	if err := check(status, &native); err != nil {
		return "", err
	}
	return goString(text), nil
}

// Raters is how many people chose or rated an item in training; 0 for one that is new.
//
// Errors: [ErrItemIndex], [ErrNotAvailable] for a model that does not know.
func (c *Catalog) Raters(item uint32) (int, error) {
	catalog, err := c.shared.use()
	if err != nil {
		return 0, err
	}
	defer c.shared.done()
	var raters C.uint32_t
	var native C.melu_error
	status := C.melu_catalog_raters(catalog, C.uint32_t(item), &raters, &native)
	return int(raters), check(status, &native)
}

// AppendItemVectors appends to dst the vectors of the items from begin up to end, one after
// another, for an index of vectors; [Details.VectorWidth] is how wide they are. They are
// copies, and stay when the catalogue is closed.
//
// The inner product of one and [User.AppendVector] is the item's score, but for what
// neighbours of the user's answers add, and for the predicted rating. So an index by inner
// product finds candidates, and [User.AppendBest] orders them, with them as
// [RecommendOptions.Among] and with [RecommendOptions.AddNeighbours].
//
// Errors: [ErrItemIndex], [ErrNotAvailable] for a model without a head for choosing; dst is
// returned as it was.
func (c *Catalog) AppendItemVectors(dst []float32, begin, end uint32) ([]float32, error) {
	catalog, err := c.shared.use()
	if err != nil {
		return dst, err
	}
	defer c.shared.done()
	var vectors C.melu_vectors
	var native C.melu_error
	status := C.melu_catalog_item_vectors(catalog, &vectors, &native)
	if err := check(status, &native); err != nil {
		return dst, err
	}
	if begin > end || int(end) > c.length {
		message := fmt.Sprintf("items from %d to %d are not among %d", begin, end, c.length)
		return dst, &Error{Status: ErrItemIndex, Message: message, User: -1}
	}
	width, stride := int(vectors.width), int(vectors.stride)
	dst = slices.Grow(dst, int(end-begin)*width)
	for item := int(begin); item < int(end); item++ {
		row := unsafe.Add(unsafe.Pointer(vectors.data), uintptr(item*stride)*unsafe.Sizeof(float32(0)))
		dst = append(dst, unsafe.Slice((*float32)(row), width)...)
	}
	return dst, nil
}
