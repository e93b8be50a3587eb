// Command values sends one value of each kind to itself and prints how it is told: as %v has it,
// but for what would call its methods or follow its pointers.
package main

import (
	"errors"
	"fmt"
	"strings"
	"sync"
)

type point struct {
	X, Y int8
	name string
}

// loud does what a method for printing should not: nobody may call it.
type loud struct{ N int }

func (l loud) String() string { panic("called") }

type nested struct {
	P    point
	Any  any
	Next *nested
	List []uint16
}

var lock sync.Mutex

// send sends a value and receives it again, with a lock held that printing it might want.
func send[T any](value T, told string) {
	channel := make(chan T, 1)
	lock.Lock()
	channel <- value
	got := <-channel
	lock.Unlock()
	_ = got
	fmt.Println(told)
}

// plain sends a value that is told as %v has it.
func plain[T any](value T) { send(value, fmt.Sprintf("%v", value)) }

func main() {
	plain(point{1, -2, "here"})
	plain([3]bool{true, false, true})
	plain([]byte("ab"))
	plain([]float64{0, 1.5, -2e-9, 1e21, 123456789})
	plain([]float32{0.1, 1e20})
	plain([]complex64{1 + 2i, -1 - 0.5i})
	plain([]uint64{1<<64 - 1})
	plain([]int{})
	plain([]string{})
	plain(struct{}{})
	plain(errors.New("it failed"))
	plain(nested{P: point{3, 4, "a b"}, Any: int32(5), List: []uint16{6, 7}})
	plain(nested{Any: struct{ E error }{errors.New("inside")}})
	plain(struct{ A, B any }{nil, "text"})
	plain(any(point{5, 6, ""}))
	plain(any([2]uintptr{8, 9}))
	plain(struct {
		F func()
		C chan int
	}{})

	send(loud{7}, "{7}")
	send(any(loud{8}), "{8}")
	send([]string{"a", "b"}, "[…2]")
	send([]*point{nil}, "[…1]")
	send("short", `"short"`)
	send("a longer one", `"a longer one"`)
	send(strings.Repeat("é", 30), fmt.Sprintf("%q… (60 bytes)", strings.Repeat("é", 28)))
	send([100]int8{}, "[0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0…")
	deep := any(1)
	for range 6 {
		deep = struct{ A any }{deep}
	}
	send(deep, "{{{{{…}}}}}")
	send(true, "true")
	send(uint8(200), "200")
	send((*point)(nil), "nil")
}
