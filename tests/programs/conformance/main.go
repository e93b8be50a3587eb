// Conformance runs every construct that can be covered, always the same number of times.
package main

import (
	"fmt"
	"os"

	"example.com/conformance/closures"
	"example.com/conformance/concurrent"
	"example.com/conformance/constants"
	"example.com/conformance/control"
	"example.com/conformance/defers"
	"example.com/conformance/embedded"
	"example.com/conformance/files"
	"example.com/conformance/generated"
	"example.com/conformance/generics"
	"example.com/conformance/inits"
	. "example.com/conformance/internal/hidden"
	"example.com/conformance/iterate"
	"example.com/conformance/lines"
	"example.com/conformance/literals"
	"example.com/conformance/nested"
	"example.com/conformance/oneline"
	"example.com/conformance/types"
	vals "example.com/conformance/values"
)

func main() {
	sections := []struct {
		name string
		run  func() string
	}{
		{"generics", generics.Run}, {"closures", closures.Run}, {"iterate", iterate.Run},
		{"control", control.Run}, {"defers", defers.Run}, {"inits", inits.Run},
		{"embedded", embedded.Run}, {"literals", literals.Run}, {"lines", lines.Run},
		{"generated", generated.Run}, {"files", files.Run}, {"oneline", oneline.Run},
		{"nested", nested.Run}, {"concurrent", concurrent.Run}, {"values", vals.Run},
		{"hidden", Reveal},
	}
	for _, section := range sections {
		fmt.Printf("%-10s %s\n", section.name, section.run())
	}
	fmt.Println(constants.Last, types.Pair{A: 1, B: 2})
	if len(os.Args) > 1 {
		os.Exit(len(os.Args))
	}
}
