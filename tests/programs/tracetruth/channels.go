package main

import (
	"sync"
	"time"
)

// sieve lets the numbers up to most through a filter for each prime.
func sieve(most int) int {
	numbers := make(chan int)
	go count(numbers, most)
	for {
		prime, more := <-numbers
		if !more {
			return 0
		}
		left := make(chan int)
		go filter(numbers, left, prime)
		numbers = left
	}
}

func count(to chan int, most int) {
	for number := 2; number <= most; number++ {
		to <- number
	}
	close(to)
}

func filter(from, to chan int, prime int) {
	for number := range from {
		if number%prime != 0 {
			to <- number
		}
	}
	close(to)
}

// fan lets so many senders send so many values each to so many receivers.
func fan(senders, receivers, each int) int {
	values := make(chan int)
	var sending, receiving sync.WaitGroup
	for range senders {
		sending.Add(1)
		go func() {
			defer sending.Done()
			for value := range each {
				values <- value
			}
		}()
	}
	for range receivers {
		receiving.Add(1)
		go func() {
			defer receiving.Done()
			for range values {
			}
		}()
	}
	sending.Wait()
	close(values)
	receiving.Wait()
	return senders * each
}

// trySend sends where somebody waits for it.
func trySend(tries int) int {
	values := make(chan int)
	var receiving sync.WaitGroup
	receiving.Add(1)
	go func() {
		defer receiving.Done()
		for range values {
		}
	}()
	sent := 0
	for try := range tries {
		select {
		case values <- try:
			sent++
		default:
			time.Sleep(10 * time.Microsecond)
		}
	}
	close(values)
	receiving.Wait()
	return sent
}

// tryReceive receives where somebody waits to send.
func tryReceive(tries int) int {
	values, done := make(chan int), make(chan bool)
	var sending sync.WaitGroup
	sending.Add(1)
	go func() {
		defer sending.Done()
		for {
			select {
			case values <- 1:
			case <-done:
				return
			}
		}
	}()
	received := 0
	for range tries {
		select {
		case <-values:
			received++
		default:
			time.Sleep(10 * time.Microsecond)
		}
	}
	close(done)
	sending.Wait()
	return received
}

// selects lets a select over two channels send to another.
func selects(each int) int {
	left, right := make(chan int), make(chan int)
	var both sync.WaitGroup
	both.Add(2)
	go func() {
		defer both.Done()
		for value := range each {
			select {
			case left <- value:
			case right <- value:
			}
		}
	}()
	go func() {
		defer both.Done()
		for range each {
			select {
			case <-left:
			case <-right:
			}
		}
	}()
	both.Wait()
	return each
}

// mixed lets a select send to a plain receiver, and a plain sender to a select.
func mixed(each int) int {
	there, never, back := make(chan int), make(chan int), make(chan int)
	var all sync.WaitGroup
	all.Add(2)
	go func() {
		defer all.Done()
		for value := range each {
			select {
			case there <- value:
			case <-never:
			}
			back <- value
		}
	}()
	go func() {
		defer all.Done()
		for range each {
			<-there
			select {
			case <-back:
			case <-never:
			}
		}
	}()
	all.Wait()
	return 2 * each
}

// storm lets pairs of goroutines play ball, for a trace of many events.
func storm(pairs, each int) int {
	var all sync.WaitGroup
	for range pairs {
		ball := make(chan int)
		all.Add(2)
		go func() {
			defer all.Done()
			for value := range each {
				ball <- value
			}
			close(ball)
		}()
		go func() {
			defer all.Done()
			for range ball {
			}
		}()
	}
	all.Wait()
	return pairs * each
}
