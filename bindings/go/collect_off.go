//go:build !melu_collect

package melu

func beforeCall[P comparable](P) {}

func freed[P comparable](P) {}
