// Package defers has defer, panic and recover.
package defers

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
)

func order() (log string) {
	defer func() { log += "!" }()
	for i := range 3 {
		defer func(n int) { log += strconv.Itoa(n + i) }(i)
	}
	return "log "
}

func safely(f func()) (err error) {
	defer func() {
		switch caught := recover().(type) {
		case nil:
		case runtime.Error:
			err = fmt.Errorf("runtime: %w", caught)
		case error:
			err = caught
		default:
			err = fmt.Errorf("%v", caught)
		}
	}()
	f()
	return nil
}

func again() (out string) {
	defer func() {
		out = fmt.Sprint(recover())
	}()
	defer func() {
		if caught := recover(); caught != nil {
			panic(fmt.Sprint("again ", caught))
		}
	}()
	panic("first")
}

type closer struct{ log *[]string }

func (c closer) Close() error {
	*c.log = append(*c.log, "closed")
	return nil
}

func closing() (log []string) {
	c := closer{&log}
	defer c.Close()
	defer closer{&log}.Close()
	if len(log) > 0 {
		return nil
	}
	log = append(log, "working")
	return log
}

func goexit() string {
	done := make(chan string)
	go func() {
		defer close(done)
		defer func() { done <- "left" }()
		runtime.Goexit()
		done <- "never"
	}()
	return <-done
}

func never() {
	defer os.Exit(9)
	panic("never")
}

// Run panics and recovers.
func Run() string {
	var missing map[string]int
	index := 5
	return fmt.Sprint(order(), again(), closing(), goexit(),
		safely(func() {}),
		safely(func() { missing["x"] = 1 }),
		safely(func() { _ = [3]int{}[index%6] }),
		safely(func() { panic(errors.New("plain")) }),
		safely(func() { panic(42) }))
}
