package coverglass_target

import (
	"errors"
	"internal/abi"
	"strconv"
	"sync/atomic"
	"unsafe"
)

// Values in words, where the build asks for them: as %v of fmt has them, but for what could harm
// the program. No method of a type is called, since it may panic, lock or send; no pointer is
// followed but those of strings and of slices without pointers in them, since what they lead to
// may be written meanwhile; and nothing is allocated, nor looked at beyond what is kept.
const told = true

const (
	wordsBytes = 56
	wordsDepth = 4
)

// words is a text as far as it fits.
type words struct {
	bytes [wordsBytes]byte
	count int
	cut   bool
}

// plainError is the type of what errors.New makes, whose text never changes.
var plainError = typeOf(errors.New(""))

func typeOf(value any) *abi.Type { return *(**abi.Type)(unsafe.Pointer(&value)) }

// tell writes a record with a value in words, unless its bits say as much.
//
//go:norace
func tell(op *Op, t *abi.Type, p unsafe.Pointer) {
	switch op.kind {
	case kindInt, kindUint, kindBool, kindFloat:
		return
	case kindString:
		if op.size <= 8 {
			return
		}
	case kindPointer:
		if !isError(t, p) {
			return
		}
	}
	var w words
	w.value(t, p, 0)
	number, record := slot()
	if record == nil {
		return
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&record[1])), 48), w.bytes[:48])
	record[8] = *(*uint64)(unsafe.Pointer(&w.bytes[48]))
	flags := uint64(0)
	if w.cut {
		flags = 1
	}
	record[7] = opText | flags<<16 | uint64(w.count)<<32
	atomic.StoreUint64(&record[0], number)
	op.text, op.flags = number, op.flags|flagTold
}

// isError says whether a value is an interface that holds an error of errors.New.
//
//go:norace
func isError(t *abi.Type, p unsafe.Pointer) bool {
	return t.Kind() == abi.Interface && dynamicType(t, p) == plainError
}

// dynamicType is the type of what an interface holds; nil for nothing.
//
//go:norace
func dynamicType(t *abi.Type, p unsafe.Pointer) *abi.Type {
	first := *(*unsafe.Pointer)(p)
	if first == nil {
		return nil
	}
	if t.NumMethod() > 0 {
		return (*abi.ITab)(first).Type
	}
	return (*abi.Type)(first)
}

//go:norace
func (w *words) text(text string) {
	n := copy(w.bytes[w.count:], text)
	w.count += n
	w.cut = w.cut || n < len(text)
}

// number writes what strconv made.
//
//go:norace
func (w *words) number(digits []byte) { w.text(unsafe.String(unsafe.SliceData(digits), len(digits))) }

//go:norace
func (w *words) value(t *abi.Type, p unsafe.Pointer, depth int) {
	var room [32]byte
	digits := room[:0]
	switch t.Kind() {
	case abi.Bool:
		w.number(strconv.AppendBool(digits, *(*bool)(p)))
	case abi.Int:
		w.number(strconv.AppendInt(digits, int64(*(*int)(p)), 10))
	case abi.Int8:
		w.number(strconv.AppendInt(digits, int64(*(*int8)(p)), 10))
	case abi.Int16:
		w.number(strconv.AppendInt(digits, int64(*(*int16)(p)), 10))
	case abi.Int32:
		w.number(strconv.AppendInt(digits, int64(*(*int32)(p)), 10))
	case abi.Int64:
		w.number(strconv.AppendInt(digits, *(*int64)(p), 10))
	case abi.Uint, abi.Uintptr:
		w.number(strconv.AppendUint(digits, uint64(*(*uint)(p)), 10))
	case abi.Uint8:
		w.number(strconv.AppendUint(digits, uint64(*(*uint8)(p)), 10))
	case abi.Uint16:
		w.number(strconv.AppendUint(digits, uint64(*(*uint16)(p)), 10))
	case abi.Uint32:
		w.number(strconv.AppendUint(digits, uint64(*(*uint32)(p)), 10))
	case abi.Uint64:
		w.number(strconv.AppendUint(digits, *(*uint64)(p), 10))
	case abi.Float32:
		w.float(float64(*(*float32)(p)), 32)
	case abi.Float64:
		w.float(*(*float64)(p), 64)
	case abi.Complex64:
		w.complex(complex128(*(*complex64)(p)), 32)
	case abi.Complex128:
		w.complex(*(*complex128)(p), 64)
	case abi.String:
		w.text(*(*string)(p))
	case abi.Interface:
		w.dynamic(t, p, depth)
	case abi.Struct:
		w.text("{")
		for i, field := range (*abi.StructType)(unsafe.Pointer(t)).Fields {
			if i > 0 {
				w.text(" ")
			}
			if !w.inside(field.Typ, unsafe.Add(p, field.Offset), depth) {
				break
			}
		}
		w.text("}")
	case abi.Array:
		array := (*abi.ArrayType)(unsafe.Pointer(t))
		w.list(array.Elem, p, array.Len, depth)
	case abi.Slice:
		elem := (*abi.SliceType)(unsafe.Pointer(t)).Elem
		header := (*[2]uintptr)(p)
		if elem.PtrBytes > 0 && header[1] > 0 {
			w.text("[…")
			w.number(strconv.AppendUint(digits, uint64(header[1]), 10))
			w.text("]")
			return
		}
		w.list(elem, *(*unsafe.Pointer)(p), header[1], depth)
	default:
		if address := *(*uintptr)(p); address != 0 {
			w.text("0x")
			w.number(strconv.AppendUint(digits, uint64(address), 16))
		} else {
			w.text("<nil>")
		}
	}
}

// inside writes a part of a value. It says whether more fits.
//
//go:norace
func (w *words) inside(t *abi.Type, p unsafe.Pointer, depth int) bool {
	if depth >= wordsDepth {
		w.text("…")
	} else if !w.cut {
		w.value(t, p, depth+1)
	}
	return !w.cut
}

//go:norace
func (w *words) list(elem *abi.Type, p unsafe.Pointer, count uintptr, depth int) {
	w.text("[")
	for i := uintptr(0); i < count; i++ {
		if i > 0 {
			w.text(" ")
		}
		if !w.inside(elem, unsafe.Add(p, i*elem.Size()), depth) {
			break
		}
	}
	w.text("]")
}

//go:norace
func (w *words) dynamic(t *abi.Type, p unsafe.Pointer, depth int) {
	inner := dynamicType(t, p)
	data := unsafe.Add(p, unsafe.Sizeof(p))
	switch {
	case inner == nil:
		w.text("<nil>")
	case inner == plainError:
		// A pointer to a struct of one string.
		w.text(**(**string)(data))
	case direct(inner):
		w.value(inner, data, depth)
	default:
		w.value(inner, *(*unsafe.Pointer)(data), depth)
	}
}

//go:norace
func (w *words) float(value float64, size int) {
	var room [32]byte
	w.number(strconv.AppendFloat(room[:0], value, 'g', -1, size))
}

//go:norace
func (w *words) complex(value complex128, size int) {
	w.text("(")
	w.float(real(value), size)
	if imag(value) >= 0 {
		w.text("+")
	}
	w.float(imag(value), size)
	w.text("i)")
}
