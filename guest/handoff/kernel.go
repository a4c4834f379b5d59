package handoff

import "net/netip"

// A machine with a kernel of its own boots from an initial RAM file system, in
// which are the program and the modules of that kernel. What container machines
// inherit as open files comes to it through its firmware and a serial port.
const (
	// KernelName is the name under which the program is the first process of
	// such a machine.
	KernelName = "pileus-vm"
	// ModulesFolder holds the modules, and in ModulesOrder their names, one a
	// line, in the order in which they are to be loaded. Those of MoreModules are
	// wanted only where the root volume is of another file system.
	ModulesFolder = "/modules"
	ModulesOrder  = ModulesFolder + "/order"
	MoreModules   = ModulesFolder + "/more"
	// SpecKey is the name of the Spec among what QEMU's firmware configuration
	// holds.
	SpecKey = "opt/com.pileus/spec"
	// PortName is the name of the serial port on which the agent speaks.
	PortName = "com.pileus.agent"
)

// Link is a network interface as a machine sets it up that has a kernel of its
// own. In other machines the plane does that from outside.
type Link struct {
	Name       string // "eth0"
	MAC        string
	MTU        int
	Addresses  []netip.Prefix
	Neighbours []Neighbour
	Routes     []Route
	Rules      []Rule
}

// Neighbour is an address whose hardware address is known for ever.
type Neighbour struct {
	Address netip.Addr
	MAC     string
}

// Route leads to a network, by a gateway where there is one.
type Route struct {
	To    netip.Prefix
	By    netip.Addr
	Table int // 0 for the main one
}

// Rule has what comes from an address look for its route in a table.
type Rule struct {
	From     netip.Prefix
	Table    int
	Priority int
}
