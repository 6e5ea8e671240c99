package melu

// #include "native.h"
// #cgo noescape melu_questions_new
// #cgo nocallback melu_questions_new
// #cgo noescape go_user_next_question
// #cgo nocallback go_user_next_question
import "C"

import "runtime"

// Questions is what questions to users of one catalogue are chosen in: all that
// this needs, and nothing that is known of a user.
//
// One goroutine at a time may use it, for any number of users.
type Questions struct {
	handle handle[*C.melu_questions]
}

func freeQuestions(pointer *C.melu_questions) { C.melu_questions_free(pointer) }

// NewQuestions prepares questions about the catalogue's items.
//
// Errors: [ErrNotAvailable] if the model orders by predicted rating and does not know how
// sure it is ([Details].Deviations).
func (c *Catalog) NewQuestions() (*Questions, error) {
	catalog, err := c.shared.use()
	if err != nil {
		return nil, err
	}
	defer c.shared.done()
	var pointer *C.melu_questions
	var native C.melu_error
	if err := check(C.melu_questions_new(catalog, &pointer, &native), &native); err != nil {
		return nil, err
	}
	questions := new(Questions)
	questions.handle.own(pointer, freeQuestions)
	return questions, nil
}

// Close frees the questions. Closing them again does nothing. The error is always nil.
func (q *Questions) Close() error {
	q.handle.close(freeQuestions)
	return nil
}

// Asked says what is known besides the ratings when a question is chosen; the zero value
// is nothing.
type Asked struct {
	// Unknown are items that the user was asked about and did not know: they are not asked
	// again, and tell what else the user may not know.
	Unknown []uint32
	// LeaveOut are items that are not to be asked about.
	LeaveOut []uint32
	// Known are the only items to ask about, where the program knows that the user knows
	// them. nil: any item.
	Known []uint32
}

// Question is an item worth asking about.
type Question struct {
	// Item is the item's index in the user's catalogue.
	Item uint32
	// Known is the chance that the user knows it.
	Known float32
	// Reduction is by how much an answer would lower the mean variance of what the user's
	// vector says of items, each counting by the chance that the user chooses it; of a model
	// that orders by predicted rating, that of all ratings. In the head's units, squared.
	Reduction float32
}

// NextQuestion returns the item that the user is best asked about next, given what they
// rated.
//
// Errors: [ErrInvalidArgument] for questions of another catalogue than the user's,
// [ErrItemIndex], [ErrNotFound] if there is nothing left to ask.
func (u *User) NextQuestion(questions *Questions, asked Asked) (Question, error) {
	user, err := u.handle.use()
	if err != nil {
		return Question{}, err
	}
	chosenIn, err := questions.handle.use()
	if err != nil {
		return Question{}, err
	}
	known := indices(asked.Known)
	var question C.melu_question
	var native C.melu_error
	status := C.go_user_next_question(user, chosenIn,
		indices(asked.Unknown), C.size_t(len(asked.Unknown)),
		indices(asked.LeaveOut), C.size_t(len(asked.LeaveOut)),
		known, C.size_t(len(asked.Known)), &question, &native)
	runtime.KeepAlive(questions)
	runtime.KeepAlive(u)
	if err := check(status, &native); err != nil {
		return Question{}, err
	}
	return Question{
		Item:      uint32(question.item),
		Known:     float32(question.known),
		Reduction: float32(question.reduction),
	}, nil
}
