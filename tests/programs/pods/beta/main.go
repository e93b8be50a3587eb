// Beta prints the signs of its arguments.
package main

import (
	"fmt"
	"os"
	"strconv"

	"example.com/pods/shared"
)

type verdict struct{ signs []int }

func (v *verdict) add(word string) error {
	x, err := strconv.Atoi(word)
	if err != nil {
		return err
	}
	v.signs = append(v.signs, shared.Sign(x))
	return nil
}

func main() {
	var v verdict
	for _, word := range os.Args[1:] {
		if err := v.add(word); err != nil {
			fmt.Println(err)
			return
		}
	}
	shared.Empty()
	fmt.Println(v.signs)
}
