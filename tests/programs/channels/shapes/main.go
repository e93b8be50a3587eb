// Command shapes uses channels in every form that the language has, and prints what comes of it.
// Its argument chooses how it ends.
package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"
)

type Ch chan error
type B bool
type S struct{ a, b int }

var pkg = func() chan int { c := make(chan int, 1); c <- 7; return c }()
var early = <-pkg

func gen[T any, C ~chan T](c C, v T) T { c <- v; x, ok := <-c; _ = ok; c <- x; return <-c }

func idx(s string, i int) int { fmt.Print(s, " "); return i }

func main() {
	fmt.Println(early)
	c := make(chan int, 3)
	c <- 1; c <- 2
	fmt.Println(<-c + <-c)
	cc := make(chan chan int, 1)
	cc <- c
	c <- 5
	fmt.Println(<-<-cc)
	e := make(Ch, 2)
	e <- nil
	e <- context.Canceled
	fmt.Println(<-e, <-e)
	f := make(chan float64, 2)
	f <- 3
	select {
	case f <- 4:
	default:
	}
	fmt.Println(<-f, <-f)
	fmt.Println(gen(make(chan string, 1), "hi"))
	var ok B
	var v any
	c <- 9
	v, ok = <-c, true
	fmt.Println(v, ok)
	c <- 9
	var ok2 bool
	v, ok2 = <-c
	fmt.Println(v, ok2)
	c <- 1
	if x, ok := <-c; ok && x == 1 {
		fmt.Println("if", x)
	}
	c <- 1; close(c)
	for x, ok := <-c; ok; x, ok = <-c {
		fmt.Println("for", x)
	}
	for range c {
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	<-ctx.Done()
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Add(1)
	go func() { defer wg.Done(); for s := range done { _ = s } }()
	done <- struct{}{}
	defer fmt.Println("deferred")
	func() { defer close(done) }()
	wg.Wait()
	bs := make(chan B, 1)
	u := make(chan uint64, 2)
	n := 3
	arr := []chan<- uint64{u, nil}
loop:
	for {
		select {
		case bs <- n < 4:
			break loop
		case arr[idx("a", 1)] <- 1 << n:
		case m := <-time.After(time.Hour):
			_ = m
		case _, ok := <-cc:
			_ = ok
			continue loop
		}
	}
	fmt.Println(<-bs)
	u <- 1 << n
	fmt.Println(<-u)
	x := []int{0, 0}
	d := make(chan int, 1)
	d <- 4
	select {
	case x[idx("lhs", 1)] = <-d:
	}
	fmt.Println(x)
	st := make(chan S, 1)
	st <- S{1, 2}
	var vv, kk = <-st
	fmt.Println(vv, kk)
	switch q := <-func() chan any { c := make(chan any, 1); c <- 3; return c }(); q := q.(type) {
	case int:
		fmt.Println("int", q)
	}
	fair()
	if len(os.Args) > 1 {
		end(os.Args[1], d)
	}
}

// fair counts how often a select with two ready cases takes the first one.
func fair() {
	a, b, first := make(chan int, 1), make(chan int, 1), 0
	for range 1000 {
		a <- 1
		b <- 1
		select {
		case <-a:
			first++
			<-b
		case <-b:
			<-a
		}
	}
	fmt.Println("fair", 350 < first && first < 650)
	// Of the same channel twice, and of one that is nil.
	var none chan int
	a <- 2
	select {
	case x := <-a:
		fmt.Println(x)
	case x := <-a:
		fmt.Println(x)
	case none <- 1:
	case <-none:
	}
again:
	select {
	case a <- 3:
		goto again
	default:
	}
	fmt.Println(len(a), <-a)
}

func end(how string, d chan int) {
	var none chan int
	switch how {
	case "closed":
		close(d)
		d <- 1
	case "again":
		close(d)
		close(d)
	case "nil":
		close(none)
	case "select":
		close(d)
		select {
		case d <- 1:
		case <-none:
		}
	case "receive":
		<-none
	case "send":
		none <- 1
	case "range":
		for range none {
		}
	case "nobody":
		select {
		case x, ok := <-none:
			fmt.Println(x, ok)
		case none <- 2:
		}
	case "racy":
		shared := 0
		done := make(chan bool)
		for range 2 {
			go func() {
				for range 1000 {
					shared++
				}
				done <- true
			}()
		}
		<-done
		<-done
	case "ordered":
		shared := 0
		token, done := make(chan bool, 1), make(chan bool)
		for range 4 {
			go func() {
				for range 100 {
					token <- true
					shared++
					<-token
				}
				done <- true
			}()
		}
		for range 4 {
			<-done
		}
		fmt.Println(shared)
	}
}
