//go:build go1.24

package main

import (
	"internal/trace"
	"slices"
)

// frames are the calls of a stack, innermost first.
func frames(stack trace.Stack) []trace.StackFrame {
	return slices.Collect(stack.Frames())
}
