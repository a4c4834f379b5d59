//go:build !linux

package blob

import (
	"errors"
	"os"
)

func memoryFileFor(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func reopen(*os.File) (*os.File, error) { return nil, errors.ErrUnsupported }

// machineMemory is 0 where there are no memory files: nothing is kept.
func machineMemory() int64 { return 0 }
