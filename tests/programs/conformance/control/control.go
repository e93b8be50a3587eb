// Package control has every statement that decides where to go next.
package control

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

func grade(points int) string {
	if points < 0 {
		return "?"
	} else if points < 50 {
		return "F"
	} else if half := points / 2; half < 40 {
		return "C"
	} else if points%2 == 0 {
		return "B"
	} else {
		return "A"
	}
}

func collatz(n int) (steps int) {
again:
	if n == 1 {
		return
	}
	steps++
	if n%2 == 0 {
		n /= 2
		goto again
	}
	n = 3*n + 1
	goto again
}

func fall(n int) (out string) {
	switch n {
	case 0:
		out += "0"
		fallthrough
	case 1, 2:
		out += "12"
		fallthrough
	case 3:
		out += "3"
	case 4:
	default:
		out += "d"
	}
	switch {
	}
	switch out := len(out); {
	case out > 3:
		return "long"
	}
	return out
}

func kind(value any) string {
	switch v := value.(type) {
	case nil:
		return "nil"
	case int, int64:
		return fmt.Sprintf("int %v", v)
	case error:
		switch {
		case errors.Is(v, io.EOF):
			return "eof"
		case errors.Is(v, fs.ErrNotExist):
			return "missing"
		}
		return "error"
	case func() int:
		return fmt.Sprint(v())
	case []any:
		out := "["
		for _, element := range v {
			out += kind(element)
		}
		return out + "]"
	default:
		_ = v
	}
	switch value.(type) {
	case string:
		return "string"
	}
	return "other"
}

func loops() (n int) {
	for i, j := 0, 10; i < j; i, j = i+1, j-1 {
		n += j - i
	}
	for n > 20 {
		n--
	}
	for {
		if n++; n > 25 {
			break
		}
	}
	for range n {
	}
outer:
	for i := 0; ; i++ {
		for j := range 5 {
			switch {
			case j == 3:
				continue outer
			case i == 4:
				break outer
			case i > 100:
				goto done
			}
			n++
		}
	}
block:
	switch {
	default:
		if n > 0 {
			break block
		}
		n = -1
	}
	if n < 0 {
		goto done
	}
	{
		goto done
	}
done:
	return n
}

func choose(ready, other chan int, closed <-chan struct{}) (out string) {
	select {
	case v := <-ready:
		out += fmt.Sprint("got", v)
	case other <- 1:
		out += "sent"
	}
	select {
	case v, ok := <-ready:
		out += fmt.Sprint(v, ok)
	default:
		out += "default"
	}
	select {
	case <-closed:
		switch {
		case len(out) > 3:
			select {
			case <-closed:
				if out == "" {
					return "no"
				}
				out += "nested"
			}
		default:
			out += "short"
		}
	}
wait:
	for {
		select {
		case <-closed:
			break wait
		}
	}
	return out
}

func unreachable(n int) int {
	if n > 0 {
		return n
	}
	panic(fmt.Sprint("n is ", n))
}

// Run takes most of the ways.
func Run() string {
	var out []string
	for _, points := range []int{10, 60, 90, 91, 95} {
		out = append(out, grade(points))
	}
	for n := range 6 {
		out = append(out, fall(n))
	}
	for _, value := range []any{nil, 1, int64(2), io.EOF, errors.New("x"), "s", 1.5, []any{nil, "t"}, func() int { return 4 }} {
		out = append(out, kind(value))
	}
	ready, closed := make(chan int, 1), make(chan struct{})
	ready <- 3
	close(closed)
	out = append(out, choose(ready, nil, closed))
	return fmt.Sprint(out, collatz(27), loops(), unreachable(2))
}
