//go:build linux

package toolbox

import (
	"maps"
	"slices"
)

// MachineFile is where the first process describes the machine to the tools,
// since the kernel would describe the host.
const MachineFile = "/run/pileus/machine.json"

// Machine is what is in MachineFile.
type Machine struct {
	ID        string
	VCPUs     int
	MemoryMiB int
}

// FileServer is the tool that serves files to an SSH client.
const FileServer = "sftp-server"

// Names lists the tools in alphabetical order.
func Names() []string { return slices.Sorted(maps.Keys(tools())) }
