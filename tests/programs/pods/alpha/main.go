// Alpha pushes as many items as it has arguments.
package main

import (
	"fmt"
	"os"

	"example.com/pods/shared"
)

func main() {
	var stack shared.Stack[string]
	for _, word := range os.Args[1:] {
		if !stack.Push(word) {
			fmt.Println("full")
			os.Exit(3)
		}
	}
	lengths := shared.Map(os.Args[1:], func(word string) int { return len(word) })
	fmt.Println(stack.Len(), lengths, shared.Größe(200*len(lengths)))
}
