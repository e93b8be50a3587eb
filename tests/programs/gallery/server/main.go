// Command server answers requests over TCP, a goroutine for each connection, which share workers.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"net"
	"runtime/trace"
	"sync"
	"time"

	"gallery/internal/record"
)

// A request that waits for its answer.
type request struct {
	ctx    context.Context
	text   string
	answer chan string
}

func main() {
	defer record.Start()()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	requests := make(chan request)
	for range 2 {
		go work(requests)
	}
	go serve(listener, requests)

	var clients sync.WaitGroup
	for number := range 6 {
		clients.Add(1)
		go call(listener.Addr().String(), number, &clients)
		time.Sleep(3 * time.Millisecond)
	}
	clients.Wait()
	listener.Close()
}

func serve(listener net.Listener, requests chan<- request) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go handle(connection, requests)
	}
}

// handle answers each line of a connection. A line is a task of its own in the trace.
func handle(connection net.Conn, requests chan<- request) {
	defer connection.Close()
	lines := bufio.NewScanner(connection)
	for lines.Scan() {
		ctx, task := trace.NewTask(context.Background(), "request")
		trace.Log(ctx, "line", lines.Text())
		answer := make(chan string)
		requests <- request{ctx, lines.Text(), answer}
		fmt.Fprintln(connection, <-answer)
		task.End()
	}
}

func work(requests <-chan request) {
	for request := range requests {
		trace.WithRegion(request.ctx, "work", func() {
			time.Sleep(5 * time.Millisecond)
			request.answer <- "done: " + request.text
		})
	}
}

// call asks twice.
func call(address string, number int, clients *sync.WaitGroup) {
	defer clients.Done()
	connection, err := net.Dial("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	answers := bufio.NewScanner(connection)
	for question := range 2 {
		fmt.Fprintf(connection, "client %d, question %d\n", number, question)
		answers.Scan()
	}
}
