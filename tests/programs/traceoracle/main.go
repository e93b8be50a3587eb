// Command traceoracle tells what Go's own reader sees in an execution trace.
//
//	traceoracle facts FILE    what it holds, in numbers, as JSON
//	traceoracle events FILE   a line for each event
//	traceoracle read FILE     only reads it, and prints how many events there are
//
// That reader is internal to Go's distribution, so this is built as if it were one of its
// commands: `go build -overlay` with these files in the place of those of cmd/addr2line. It needs
// Go 1.23 or later.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"internal/trace"
	"io"
	"os"
	"strings"
)

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: traceoracle facts|events|read FILE"))
	}
	file, err := os.Open(os.Args[2])
	if err != nil {
		fail(err)
	}
	reader, err := trace.NewReader(bufio.NewReaderSize(file, 1<<20))
	if err != nil {
		fail(err)
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	switch os.Args[1] {
	case "read":
		count := 0
		each(reader, func(trace.Event) { count++ })
		fmt.Fprintln(out, count)
	case "events":
		each(reader, func(event trace.Event) { fmt.Fprintln(out, line(event)) })
	case "facts":
		facts := newFacts()
		facts.Error = each(reader, facts.add)
		facts.finish()
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", " ")
		if err := encoder.Encode(facts); err != nil {
			fail(err)
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "traceoracle:", err)
	os.Exit(1)
}

// each hands over all events, and says why there are no more of a trace that is damaged.
func each(reader *trace.Reader, take func(trace.Event)) string {
	for {
		event, err := reader.ReadEvent()
		if err == io.EOF {
			return ""
		}
		if err != nil {
			first, _, _ := strings.Cut(err.Error(), "\n")
			return first
		}
		take(event)
	}
}

// line is all that an event says, but for the numbers of experiments and of swept bytes.
func line(event trace.Event) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%d %s g%d p%d m%d", event.Time(), event.Kind(), event.Goroutine(), event.Proc(), event.Thread())
	switch event.Kind() {
	case trace.EventMetric:
		metric := event.Metric()
		fmt.Fprintf(&out, " %s %d", metric.Name, metric.Value.Uint64())
	case trace.EventLabel:
		fmt.Fprintf(&out, " [%s]", event.Label().Label)
	case trace.EventRangeBegin, trace.EventRangeActive, trace.EventRangeEnd:
		span := event.Range()
		fmt.Fprintf(&out, " [%s]", span.Name)
		switch span.Scope.Kind {
		case trace.ResourceGoroutine:
			fmt.Fprintf(&out, " of g%d", span.Scope.Goroutine())
		case trace.ResourceProc:
			fmt.Fprintf(&out, " of p%d", span.Scope.Proc())
		}
	case trace.EventTaskBegin, trace.EventTaskEnd:
		task := event.Task()
		fmt.Fprintf(&out, " %d in %d [%s]", task.ID, int64(task.Parent), task.Type)
	case trace.EventRegionBegin, trace.EventRegionEnd:
		region := event.Region()
		fmt.Fprintf(&out, " of %d [%s]", region.Task, region.Type)
	case trace.EventLog:
		log := event.Log()
		fmt.Fprintf(&out, " of %d [%s] [%s]", log.Task, log.Category, log.Message)
	case trace.EventStateTransition:
		change := event.StateTransition()
		switch change.Resource.Kind {
		case trace.ResourceGoroutine:
			from, to := change.Goroutine()
			fmt.Fprintf(&out, " g%d %d>%d [%s]", change.Resource.Goroutine(), from, to, change.Reason)
			if from == trace.GoNotExist {
				fmt.Fprintf(&out, " starts%s", calls(change.Stack))
			}
		case trace.ResourceProc:
			from, to := change.Proc()
			fmt.Fprintf(&out, " p%d %d>%d", change.Resource.Proc(), from, to)
		}
	}
	out.WriteString(" at")
	out.WriteString(calls(event.Stack()))
	return strings.ReplaceAll(out.String(), "\n", "\\n")
}

func calls(stack trace.Stack) string {
	var out strings.Builder
	for _, frame := range frames(stack) {
		fmt.Fprintf(&out, " %s@%s:%d", frame.Func, frame.File, frame.Line)
	}
	return out.String()
}
