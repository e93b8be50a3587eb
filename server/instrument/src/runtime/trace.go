// Package coverglass_trace writes the program's execution trace to where `coverglass run --trace`
// reads it: the pipe that COVERGLASS_TRACE names.
//
// The trace begins before main's own variables and ends when main returns or os.Exit is called,
// with all that happened up to there. Of a program that dies otherwise, by a panic or a signal, it
// has what was written: all but the last generation, which is as long as the GODEBUG setting
// traceadvanceperiod says. There is one trace at a time: a program that starts one by itself, as
// net/http/pprof does on request, is told that tracing is enabled already.
//
// Nothing is ever printed. While the trace is on, the runtime has a timer of its own, and so never
// finds that all goroutines are asleep.
package coverglass_trace

import (
	"internal/runtime/exithook"
	"os"
	"runtime/trace"
)

const variable = "COVERGLASS_TRACE"

func init() {
	path := os.Getenv(variable)
	if path == "" {
		return
	}
	// What this program starts has a trace of its own, or none.
	os.Unsetenv(variable)
	pipe, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return
	}
	if trace.Start(pipe) != nil {
		pipe.Close()
		return
	}
	exithook.Add(exithook.Hook{F: stop, RunOnFailure: true})
}

// stop waits until everything is written.
func stop() {
	trace.Stop()
}
