//go:build !melu_collect

package melu

const Collecting = false
