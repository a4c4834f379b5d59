//go:build !linux

package blob

import "errors"

func mapMemory(int64) ([]byte, error) { return nil, errors.ErrUnsupported }

func unmapMemory([]byte) error { return nil }

// machineMemory is 0 where memory cannot be mapped: nothing is kept.
func machineMemory() int64 { return 0 }
