//go:build cgo && linux

package pebble

/*
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
static void trim(void) { malloc_trim(0); }
#else
static void trim(void) {}
#endif
*/
import "C"

// trimMalloc has the C library give back what Pebble has freed. Blocks and
// tables lie there where there is a C compiler, and glibc keeps the holes
// between what is in use, in an arena for each thread.
func trimMalloc() { C.trim() }
