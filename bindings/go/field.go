package melu

// #include "native.h"
// #cgo noescape melu_model_field
// #cgo nocallback melu_model_field
// #cgo noescape melu_model_field_value
// #cgo nocallback melu_model_field_value
import "C"

// FieldKind is what a field takes.
type FieldKind uint32

const (
	// FieldOne takes one value of a vocabulary.
	FieldOne FieldKind = C.MELU_FIELD_ONE
	// FieldMulti takes any number of values of a vocabulary.
	FieldMulti FieldKind = C.MELU_FIELD_MULTI
	// FieldNumeric takes a number.
	FieldNumeric FieldKind = C.MELU_FIELD_NUMERIC
)

// Field is a field of a model's users or items, as a form shows it.
type Field struct {
	// Name is what [Name], [Index] and [Number] take first.
	Name string
	// Kind is what the field takes.
	Kind FieldKind
	// Size is how many values there are to choose from; 0 of a numeric field.
	Size int
	// Values are the names of the values, in the order of their bytes; nil of a numeric field,
	// and where values are given by [Index] because they have no names.
	Values []string
	// Lowest and Highest are the least and the greatest number in training; not a number where
	// they are unknown, and of fields that are not numeric. Numbers beyond them are read as
	// them.
	Lowest, Highest float32
}

// UserFields returns the fields that describe users, for a sign-up form. [Catalog.NewUser]
// takes values of them.
func (m *Model) UserFields() ([]Field, error) { return m.fields(C.MELU_ENTITY_USER) }

// ItemFields returns the fields that describe items. [Model.NewCatalog] and [Catalog.Extend]
// take values of them.
func (m *Model) ItemFields() ([]Field, error) { return m.fields(C.MELU_ENTITY_ITEM) }

func (m *Model) fields(entity C.uint32_t) ([]Field, error) {
	model, err := m.shared.use()
	if err != nil {
		return nil, err
	}
	defer m.shared.done()
	var fields []Field
	for index := C.size_t(0); ; index++ {
		found := C.melu_field{struct_size: C.sizeof_melu_field}
		var native C.melu_error
		status := C.melu_model_field(model, entity, index, &found, &native)
		if status == C.MELU_STATUS_NOT_FOUND {
			return fields, nil
		}
		if err := check(status, &native); err != nil {
			return nil, err
		}
		field := Field{
			Name:    goString(found.name),
			Kind:    FieldKind(found.kind),
			Size:    int(found.values),
			Lowest:  float32(found.lowest),
			Highest: float32(found.highest),
		}
		for value := C.size_t(0); found.named != 0 && value < found.values; value++ {
			var name C.melu_str
			status := C.melu_model_field_value(model, entity, index, value, &name, &native)
			if err := check(status, &native); err != nil {
				return nil, err
			}
			field.Values = append(field.Values, goString(name))
		}
		fields = append(fields, field)
	}
}
