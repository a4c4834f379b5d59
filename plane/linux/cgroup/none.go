//go:build linux

package cgroup

import (
	"fmt"
	"os"

	"pileus/plane"
)

// None is for machines that no control groups bound, where a user may make none.
func None() Groups { return none{} }

type none struct{}

var errNone = fmt.Errorf("%w: no control groups may be made", plane.ErrUnsupported)

func (none) Create(string, Limits) error       { return nil }
func (none) Enter(string) error                { return nil }
func (none) Folder(string) (*os.File, error)   { return nil, nil }
func (none) Allow(string, Device, bool) error  { return nil }
func (none) Frozen(string) (bool, error)       { return false, nil }
func (none) Processes(string) ([]int, error)   { return nil, nil }
func (none) Usage(string) (plane.Usage, error) { return plane.Usage{}, errNone }
func (none) Remove(string) error               { return nil }
func (none) List() ([]string, error)           { return nil, nil }
func (none) Close()                            {}

// Freeze refuses; what was never frozen is thawed.
func (none) Freeze(_ string, yes bool) error {
	if yes {
		return errNone
	}
	return nil
}

func (none) Describe() (list []plane.Capability) {
	for _, name := range []string{"limits of memory and processors", "hibernation", "disk metrics"} {
		list = append(list, plane.Capability{Name: name, Reason: "no control groups are delegated to you: see docs/service.md, or start pileus with sudo"})
	}
	return list
}
