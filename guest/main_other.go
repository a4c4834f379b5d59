//go:build !linux

package guest

// Main does nothing: there are no machines on this system.
func Main() {}
