// Package plane is the data plane as the services see it: networks that route
// and drop packets, machines that boot, volumes that hold bytes. Each part
// takes the whole desired state of a thing and makes it so, again and again
// if asked: Apply and Ensure are idempotent, and List tells what exists, so
// that what a crash left behind is adopted or removed.
//
// plane/linux makes it real with the kernel's namespaces, nftables, cgroups
// and loop devices; plane/sim keeps honest states without any of them.
// plane/planetest is the contract that both pass.
package plane

import (
	"errors"
	"io"
)

// Plane is one cloud's data plane.
type Plane interface {
	Network
	Machines
	Volumes
	io.Closer // gives back what this process holds; machines go on running

	// Describe tells what this plane can do here, and what is missing.
	Describe() Report
	// Clear removes everything of this cloud: machines, networks, volumes'
	// devices. Volumes' content is removed by RemoveVolume alone.
	Clear() error
}

// Report says what a plane does for real.
type Report struct {
	Kind     string       `json:"kind"`               // "linux", "linux (user namespace)", "simulated"
	Features []Capability `json:"features,omitempty"` // in the order in which they are shown
}

// Capability is one thing that the data plane does, or why it cannot.
type Capability struct {
	Name   string `json:"name"` // "security groups", "volume IOPS limits"
	Works  bool   `json:"works"`
	Reason string `json:"reason,omitempty"` // what is missing, and how to get it
}

var (
	// ErrUnsupported means that this plane cannot do what was asked; the
	// message says what is missing.
	ErrUnsupported = errors.New("the data plane of this machine cannot do this")
	// ErrNotFound means that the thing does not exist in the plane.
	ErrNotFound = errors.New("not found in the data plane")
	// ErrBusy means that something still uses it: a volume that is mounted.
	ErrBusy = errors.New("in use")
	// ErrFull means that there is no room on the disk.
	ErrFull = errors.New("no space left on the disk of the data plane")
)
