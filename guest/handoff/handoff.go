// Package handoff is what passes between the plane and a machine's first
// process: what the machine is to be, how it is, and the requests that its
// agent answers. Nothing of the host's file system is visible in the machine;
// all of it goes through files that the first process inherits open.
package handoff

import (
	"encoding/json"
	"io"
	"os"
	"time"
)

// Name is the name (argv[0]) under which a program is a machine's first process.
const Name = "pileus-init"

// The files that the first process inherits; 1 and 2 are the console's log.
const (
	// BirthFD is a socket: a Spec comes in, a Birth goes back.
	BirthFD = 3
	// ControlFD is the listening socket of the agent.
	ControlFD = 4
	// StateFD is the file that a State is kept in.
	StateFD = 5
)

// Spec is what a machine is to be.
type Spec struct {
	ID       string
	Hostname string
	Kind     string // plane.ImageKind
	Root     Disk
	Disks    []Disk
	// Stage is an empty folder of the host to put the root file system
	// together in.
	Stage string
	// Program is the executable that becomes the machine's tools.
	Program string
	// Private are paths of the host that a machine with the host's userland
	// must not see, beyond those that are always hidden.
	Private   []string
	VCPUs     int
	MemoryMiB int
	// Authority is a PEM certificate to trust.
	Authority   []byte
	User        string
	Environment []string
	// Rootless tells that Root.Path is a folder, mounted already, and that no
	// devices can be made: the Disks are behind sockets, from DiskFD on.
	Rootless bool
	// Nameservers and Search are for /etc/resolv.conf; none for the usual ones.
	Nameservers, Search []string
	// Links are the interfaces of a machine that has a kernel of its own.
	Links []Link
}

// Disk is a block device of the host and its name in the machine.
type Disk struct {
	Path         string // on the host: "/dev/loop3"
	Device       string // in the machine: "/dev/xvda"
	Major, Minor uint32
	ReadOnly     bool
	// Serial is the number by which a machine with a kernel of its own finds
	// the disk; Major and Minor are then that kernel's.
	Serial string
}

// Birth is the first process's answer to its Spec.
type Birth struct {
	Error string // why the machine cannot be; "" if it is
}

// State is how a machine is, as it says itself. It outlives the machine.
type State struct {
	Booted bool // set up
	Ready  bool // user data has run
	// Reason is why it ended, by its own will: Shutdown, Reboot; "" while it
	// runs or if it did not come to say so.
	Reason string
}

// Reasons to end.
const (
	Shutdown = "shutdown"
	Reboot   = "reboot"
)

// stateSize is the room of a State in its file; it is written whole, so that
// it is never half there.
const stateSize = 256

// WriteState keeps s in f.
func WriteState(f io.WriterAt, s State) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	block := make([]byte, stateSize)
	for i := copy(block, b); i < stateSize; i++ {
		block[i] = ' '
	}
	_, err = f.WriteAt(block, 0)
	return err
}

// ReadState reads what WriteState wrote to the file; a file that is not there
// or empty is the state of a machine that has not begun.
func ReadState(name string) (s State, err error) {
	b, err := os.ReadFile(name)
	if os.IsNotExist(err) || err == nil && len(b) == 0 {
		return State{}, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	return s, err
}

// Request is asked of a machine's agent: one line of JSON on a connection of
// its own, with the standard streams of a command as ancillary data.
type Request struct {
	Do      string // Ping, Run, Stop, Add, Drop, Mount, Service, SetLinks
	Args    []string
	Env     []string
	Dir     string
	User    string // "" for root
	Restart bool   // Stop: come back
	Joined  bool   // Run: errors go where the output goes, in their order
	Disk    Disk   // Add and Drop
	Force   bool   // Drop: though it is mounted
	Links   []Link // SetLinks
}

// What can be asked.
const (
	// Ping asks whether the agent answers.
	Ping = "ping"
	// Run runs a command; the answer comes when it has ended. It is killed if
	// the connection is closed before.
	Run = "run"
	// Stop begins an orderly shutdown.
	Stop = "stop"
	// Add makes a disk's device node; Drop unmounts it and removes the node.
	// Without block devices the disk's socket comes with Add.
	Add, Drop = "add", "drop"
	// Mount mounts a disk without a block device: Args are the disk, where to,
	// and options.
	Mount = "mount"
	// SetLinks sets the interfaces up of a machine that has a kernel of its own.
	SetLinks = "links"
	// Service steers services: Args are a verb of systemctl and names; what it
	// says goes to the standard output.
	Service = "service"
)

// Inside is the socket on which the first process answers the machine's own
// tools. After a Run request each byte sent is a signal for the command.
const Inside = "/run/pileus/init"

// Mounted is the error of a Drop without Force of a disk that is mounted.
const Mounted = "it is mounted"

// Answer is what the agent says to a Request.
type Answer struct {
	Error string
	Exit  int // of the command
}

// Patience is how long the agent is given to answer what takes no time.
const Patience = time.Second
