// Ticker executes one line at known times and says when: to measure how long it takes until that
// is seen elsewhere.
//
// For each tick it prints how often the line has run, this time included, and the Unix time in
// nanoseconds just before it ran. The first line that it prints is "ready".
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"time"
)

var hits int

func main() {
	n := flag.Int("n", 100, "ticks")
	every := flag.Duration("every", 50*time.Millisecond, "time between ticks")
	delay := flag.Duration("delay", time.Second, "time before the first tick")
	linger := flag.Duration("linger", 500*time.Millisecond, "time to live after the last tick")
	flag.Parse()

	out := bufio.NewWriter(os.Stdout)
	fmt.Fprintln(out, "ready")
	out.Flush()
	time.Sleep(*delay)
	for i := range *n {
		// Steps of another length than the collector's, so that ticks fall anywhere within its.
		time.Sleep(*every + time.Duration(i%17)*137*time.Microsecond)
		now := time.Now().UnixNano()
		tick()
		fmt.Fprintln(out, hits, now)
		out.Flush()
	}
	time.Sleep(*linger)
}

// tick is the line that is measured.
//
//go:noinline
func tick() {
	hits++
}
