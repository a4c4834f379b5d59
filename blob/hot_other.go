//go:build !linux

package blob

import "errors"

const pageUnit = 2 << 20

// pages are memory outside of Go's heap, which only Linux gives.
type pages struct{ data []byte }

func mapPages(int64) (*pages, error) { return nil, errors.ErrUnsupported }

func (p *pages) size() int64 { return int64(len(p.data)) }

func (p *pages) free() {}

// machineMemory is 0 where memory cannot be mapped: nothing is kept.
func machineMemory() int64 { return 0 }
