//go:build cgo && !melu_collect

package melu

func beforeCall[P comparable](P) {}

func freed[P comparable](P) {}
