package coverglass_target

import (
	"internal/abi"
	"unsafe"
)

// told says that values are told in words.
const told = false

func tell(*Op, *abi.Type, unsafe.Pointer) {}
