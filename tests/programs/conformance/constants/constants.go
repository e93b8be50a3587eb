// Package constants has nothing to execute.
package constants

// Some constants.
const (
	First = iota
	Second
	_
	Last = Second + len("three")
)
