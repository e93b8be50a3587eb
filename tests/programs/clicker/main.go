// Clicker does exactly what it is asked to, one request at a time: for tests that compare what ran
// with what was clicked. It prints its address, and ends when its standard input does.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"

	"example.com/clicker/calc"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, "clicker:", err)
		os.Exit(1)
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	http.HandleFunc("/sum", sum)
	http.HandleFunc("/sign", sign)
	fmt.Println("http://" + listener.Addr().String())
	http.Serve(listener, nil)
}

func sum(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.FormValue("n"))
	fmt.Fprintln(w, calc.Sum(n))
}

func sign(w http.ResponseWriter, r *http.Request) {
	x, _ := strconv.Atoi(r.FormValue("x"))
	fmt.Fprintln(w, calc.Sign(x))
}
