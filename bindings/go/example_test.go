package melu_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/melu-rs/melu/bindings/go"
)

func Example() {
	model, err := melu.Open("testdata/sample.melu")
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	catalog, err := model.Catalog()
	if err != nil {
		log.Fatal(err)
	}
	defer catalog.Close()
	user, err := catalog.NewUser(melu.Name("region", "e"))
	if err != nil {
		log.Fatal(err)
	}
	defer user.Close()

	// What the user said of two items.
	if err := user.Adapt([]uint32{1, 0}, []float32{4.5, 2}); err != nil {
		log.Fatal(err)
	}
	best, err := user.AppendBest(nil, 10, melu.RecommendOptions{})
	if err != nil {
		log.Fatal(err)
	}
	for _, found := range best {
		title, err := catalog.Title(found.Item)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(title)
	}
	// Output: Die Dritte
}

func ExampleError() {
	_, err := melu.OpenBytes([]byte("no weights"))
	var failure *melu.Error
	fmt.Println(errors.Is(err, melu.ErrWeightFile), errors.As(err, &failure))
	// Output: true true
}

func ExampleModel_AppendEvidence() {
	model, err := melu.Open("testdata/sample.melu")
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	questions, err := model.AppendEvidence(nil, 2)
	if err != nil {
		log.Fatal(err)
	}
	for _, question := range questions {
		fmt.Println("ask about item", question.Item)
	}
	// Output:
	// ask about item 2
	// ask about item 0
}

func ExampleBatch() {
	model, err := melu.Open("testdata/sample.melu")
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	catalog, err := model.Catalog()
	if err != nil {
		log.Fatal(err)
	}
	defer catalog.Close()

	var batch melu.Batch
	for _, liked := range []uint32{0, 1} {
		user, err := catalog.NewUser()
		if err != nil {
			log.Fatal(err)
		}
		defer user.Close()
		if err := batch.Add(user, []uint32{liked, 2}, []float32{5, 3}); err != nil {
			log.Fatal(err)
		}
	}
	if err := batch.Recommend(context.Background(), 10, melu.RecommendOptions{}); err != nil {
		log.Fatal(err)
	}
	for i := range batch.Len() {
		fmt.Println("user", i, "gets item", batch.Best(i)[0].Item)
	}
	// Output:
	// user 0 gets item 1
	// user 1 gets item 0
}
