// Package record writes the execution trace of a program of the gallery.
package record

import (
	"log"
	"os"
	"runtime/trace"
)

// Start begins a trace in the file that TRACE names, if it names one. What it returns ends it.
func Start() func() {
	name := os.Getenv("TRACE")
	if name == "" {
		return func() {}
	}
	file, err := os.Create(name)
	if err != nil {
		log.Fatal(err)
	}
	if err := trace.Start(file); err != nil {
		log.Fatal(err)
	}
	return func() {
		trace.Stop()
		if err := file.Close(); err != nil {
			log.Fatal(err)
		}
	}
}
