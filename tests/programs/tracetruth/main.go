// Command tracetruth records a trace of something whose truth is known, and prints that truth
// where no arithmetic tells it.
//
//	tracetruth FILE NAME [number...]
package main

import (
	"fmt"
	"os"
	"runtime/trace"
	"strconv"
)

// programs by name. Each gets numbers and gives back how many values went through channels.
var programs = map[string]func(numbers []int) int{
	"sieve":     func(n []int) int { return sieve(n[0]) },
	"fan":       func(n []int) int { return fan(n[0], n[1], n[2]) },
	"try":       func(n []int) int { return trySend(n[0]) },
	"tryrecv":   func(n []int) int { return tryReceive(n[0]) },
	"select":    func(n []int) int { return selects(n[0]) },
	"mixed":     func(n []int) int { return mixed(n[0]) },
	"states":    states,
	"locks":     func(n []int) int { return locks(n[0]) },
	"annotated": func(n []int) int { return annotated(n[0]) },
	"collected": func(n []int) int { return collected(n[0]) },
	"sampled":   func(n []int) int { return sampled(n[0]) },
	"parked":    func(n []int) int { return parked(n[0]) },
	"storm":     func(n []int) int { return storm(n[0], n[1]) },
	"threads":   func(n []int) int { return threads(n[0], n[1]) },
	"woken":     woken,
	"nested":    func(n []int) int { return nested(n[0]) },
}

func main() {
	program := programs[os.Args[2]]
	var numbers []int
	for _, text := range os.Args[3:] {
		number, err := strconv.Atoi(text)
		check(err)
		numbers = append(numbers, number)
	}
	if os.Args[2] == "flight" {
		flight(os.Args[1])
		return
	}
	file, err := os.Create(os.Args[1])
	check(err)
	check(trace.Start(file))
	through := program(numbers)
	trace.Stop()
	check(file.Close())
	fmt.Println(through)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
