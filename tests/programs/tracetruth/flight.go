//go:build go1.25

package main

import (
	"os"
	"runtime/trace"
)

// flight writes what a flight recorder remembers.
func flight(path string) {
	recorder := trace.NewFlightRecorder(trace.FlightRecorderConfig{})
	check(recorder.Start())
	fan(2, 2, 100)
	file, err := os.Create(path)
	check(err)
	_, err = recorder.WriteTo(file)
	check(err)
	recorder.Stop()
	check(file.Close())
}
