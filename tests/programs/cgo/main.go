// Cgo calls C, is called back from it, and has plain Go beside it.
package main

/*
#include <stdlib.h>
#include <string.h>

typedef int (*visitor)(int);

extern int goVisit(int);

static int each(int n) {
	int sum = 0;
	for (int i = 0; i < n; i++) sum += goVisit(i);
	return sum;
}

static int twice(int n) { return 2 * n; }
*/
import "C"

import (
	"fmt"
	"unsafe"
)

//export goVisit
func goVisit(n C.int) C.int {
	if n%2 == 0 {
		return C.twice(n)
	}
	return n
}

func length(text string) int {
	raw := C.CString(text)
	defer C.free(unsafe.Pointer(raw))
	if text == "" {
		return 0
	}
	return int(C.strlen(raw))
}

func main() {
	fmt.Println(C.each(5), length("four"), length(""), plain(3))
}
