// Package cpu measures the CPU time of this process.
package cpu

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"syscall"
)

// Main runs work with the size that the command line gives, default n, and prints the CPU time
// that it took, user and system, as the last line: "cpu_ns N". With -wait it prints "ready" and
// waits for a line of input first.
func Main(n int, work func(n int) any) {
	size := flag.Int("n", n, "size of the work")
	wait := flag.Bool("wait", false, "wait for a line of input before the work")
	flag.Parse()
	if *wait {
		fmt.Println("ready")
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	}
	before := now()
	result := work(*size)
	took := now() - before
	fmt.Println(result)
	fmt.Println("cpu_ns", took)
}

func now() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}
