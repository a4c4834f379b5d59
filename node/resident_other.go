//go:build !linux

package node

// unmapCode leaves the program's code to the system here.
func unmapCode() {}
