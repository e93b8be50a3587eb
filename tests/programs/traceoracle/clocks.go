//go:build go1.25

package main

import "internal/trace"

// clocks are the readings that a generation begins with: of the trace's own clock, of the
// monotonic one, of the one on the wall.
func clocks(event trace.Event) []int64 {
	snapshot := event.Sync().ClockSnapshot
	if snapshot == nil {
		return nil
	}
	return []int64{int64(snapshot.Trace), int64(snapshot.Mono), snapshot.Wall.UnixNano()}
}
