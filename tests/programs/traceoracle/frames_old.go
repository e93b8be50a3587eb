//go:build !go1.24

package main

import "internal/trace"

// frames are the calls of a stack, innermost first.
func frames(stack trace.Stack) []trace.StackFrame {
	var all []trace.StackFrame
	stack.Frames(func(frame trace.StackFrame) bool {
		all = append(all, frame)
		return true
	})
	return all
}
