//go:build !(cgo && linux)

package pebble

// trimMalloc has nothing to do: Pebble's memory is Go's.
func trimMalloc() {}
