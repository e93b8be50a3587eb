// Typecheck parses and type-checks net/http and all that it imports, from source.
//
// What takes time is in std's go/... packages: build it with -coverpkg=./...,go/... to count them.
package main

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"

	"example.com/bench/internal/cpu"
)

func main() { cpu.Main(1, work) }

func work(n int) any {
	summary := ""
	for range n {
		l := newLoader()
		if _, err := l.Import("net/http"); err != nil {
			fmt.Fprintln(os.Stderr, "typecheck:", err)
			os.Exit(1)
		}
		summary = fmt.Sprint(len(l.done), " packages, ", l.objects, " objects, ", l.statements, " statements")
	}
	return summary
}

// loader imports std packages from source. It is their types.Importer as well.
type loader struct {
	context    build.Context
	source     string
	files      *token.FileSet
	done       map[string]*types.Package
	objects    int
	statements int
}

func newLoader() *loader {
	context := build.Default
	context.CgoEnabled = false
	return &loader{
		context: context,
		source:  filepath.Join(context.GOROOT, "src"),
		files:   token.NewFileSet(),
		done:    map[string]*types.Package{"unsafe": types.Unsafe},
	}
}

// Import returns a package by its path in std.
func (l *loader) Import(path string) (*types.Package, error) {
	if done := l.done[path]; done != nil {
		return done, nil
	}
	folder := filepath.Join(l.source, filepath.FromSlash(path))
	if _, err := os.Stat(folder); err != nil {
		folder = filepath.Join(l.source, "vendor", filepath.FromSlash(path))
	}
	found, err := l.context.ImportDir(folder, 0)
	if err != nil {
		return nil, err
	}
	var files []*ast.File
	for _, name := range found.GoFiles {
		file, err := parser.ParseFile(l.files, filepath.Join(folder, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	info := &types.Info{
		Types: make(map[ast.Expr]types.TypeAndValue),
		Defs:  make(map[*ast.Ident]types.Object),
		Uses:  make(map[*ast.Ident]types.Object),
	}
	config := types.Config{Importer: l, Sizes: types.SizesFor("gc", l.context.GOARCH)}
	checked, err := config.Check(path, l.files, files, info)
	if err != nil {
		return nil, err
	}
	l.done[path] = checked
	l.objects += len(info.Defs)
	for _, file := range files {
		ast.Inspect(file, func(node ast.Node) bool {
			if _, ok := node.(ast.Stmt); ok {
				l.statements++
			}
			return true
		})
	}
	return checked, nil
}
