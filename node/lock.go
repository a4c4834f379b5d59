package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lockFile is locked by the process that uses a data directory, for as long as
// it does: generations come and go below it.
const lockFile = "lock"

// lockData takes a data directory for this node.
func lockData(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the data directory cannot be made: %w. Choose another with --data-dir, or keep everything in memory with --ephemeral", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the data directory cannot be used: %w. Choose another with --data-dir, or keep everything in memory with --ephemeral", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("%s is in use by another pileus. `pileus down` stops it; --data-dir gives this one a folder of its own, and --ephemeral needs none", dir)
	}
	return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
}
