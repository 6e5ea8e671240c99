package melu

// #include "native.h"
import "C"

import (
	"runtime"
	"strconv"
	"unsafe"
)

// Value is one value of one field of a user or an item. A field that takes several values
// is given once for each; a field of which nothing is known is left out.
type Value struct {
	field  string
	kind   C.uint32_t
	index  uint32
	name   string
	number float32
}

// Name is a value by its name in the model's vocabulary. A name that the vocabulary lacks
// is left out, and counted as unknown.
func Name(field, name string) Value {
	return Value{field: field, kind: C.MELU_VALUE_NAME, name: name}
}

// Index is a value by its index in the vocabulary, for models without names.
func Index(field string, index uint32) Value {
	return Value{field: field, kind: C.MELU_VALUE_INDEX, index: index}
}

// Number is the value of a numeric field.
func Number(field string, number float32) Value {
	return Value{field: field, kind: C.MELU_VALUE_NUMBER, number: number}
}

// Field is the name of the field that it is of.
func (v Value) Field() string { return v.field }

// Text is the value as people write it: its name, or the number or index.
func (v Value) Text() string {
	switch v.kind {
	case C.MELU_VALUE_NAME:
		return v.name
	case C.MELU_VALUE_INDEX:
		return strconv.FormatUint(uint64(v.index), 10)
	default:
		return strconv.FormatFloat(float64(v.number), 'g', -1, 32)
	}
}

// Item is an item given by its field values: nobody need have rated it.
type Item struct {
	// ID is what the program calls it; no two alike.
	ID string
	// Title is what people know it by; empty if it has none.
	Title string
	// Values are what is known of it.
	Values []Value
}

// native holds items or values as C reads them: three blocks, pinned while they refer to
// one another.
type native struct {
	pinner runtime.Pinner
	text   []byte
	values []C.melu_value
	items  []C.melu_item
}

// newNative makes room, which must suffice: what is pinned cannot move.
func newNative(items []Item, profile []Value) *native {
	text, values := 0, 0
	count := func(list []Value) {
		values += len(list)
		for i := range list {
			text += len(list[i].field) + len(list[i].name)
		}
	}
	count(profile)
	for i := range items {
		text += len(items[i].ID) + len(items[i].Title)
		count(items[i].Values)
	}
	n := &native{
		text:   make([]byte, 0, text),
		values: make([]C.melu_value, 0, values),
		items:  make([]C.melu_item, 0, len(items)),
	}
	if text > 0 {
		n.pinner.Pin(unsafe.SliceData(n.text))
	}
	if values > 0 {
		n.pinner.Pin(unsafe.SliceData(n.values))
	}
	n.add(profile)
	for i := range items {
		id := n.string(items[i].ID)
		title := n.string(items[i].Title)
		first := n.add(items[i].Values)
		n.items = append(n.items, C.melu_item{
			id: id, values: first, values_len: C.size_t(len(items[i].Values)), title: title,
		})
	}
	return n
}

func (n *native) string(text string) C.melu_str {
	if text == "" {
		return C.melu_str{}
	}
	start := len(n.text)
	n.text = append(n.text, text...)
	return C.melu_str{data: (*C.char)(unsafe.Pointer(&n.text[start])), len: C.size_t(len(text))}
}

func (n *native) add(values []Value) *C.melu_value {
	if len(values) == 0 {
		return nil
	}
	start := len(n.values)
	for i := range values {
		value := &values[i]
		n.values = append(n.values, C.melu_value{
			field: n.string(value.field), kind: value.kind, index: C.uint32_t(value.index),
			name: n.string(value.name), number: C.float(value.number),
		})
	}
	return &n.values[start]
}
