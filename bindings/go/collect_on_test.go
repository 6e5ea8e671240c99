//go:build melu_collect

package melu

import "testing"

const Collecting = true

// Shows that what the tests rely on works: here the owner is not kept alive.
func TestAMissingKeepAlivePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("freed in use, and nobody noticed")
		}
	}()
	model, err := Open("testdata/sample.melu")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = model.shared.handle.use()
}
