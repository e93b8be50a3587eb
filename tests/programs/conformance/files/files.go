// Package files embeds some.
package files

import (
	"embed"
	_ "embed"
	"fmt"
	"io/fs"
)

//go:embed text/one.txt
var one string

//go:embed text
var all embed.FS

// Run reads them.
func Run() string {
	n := 0
	err := fs.WalkDir(all, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return nil
		}
		n++
		return nil
	})
	if err != nil {
		panic(err)
	}
	return fmt.Sprint(one[:3], n)
}
