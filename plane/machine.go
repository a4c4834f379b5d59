package plane

import (
	"context"
	"io"
	"time"
)

// Machines boots machines. A machine outlives this process: it is found again
// by its id.
type Machines interface {
	// CanBoot says why no machine of an image can run here, and what to do about
	// it, as far as that shows before there is one; nil where it can. The error
	// is an ErrUnsupported.
	CanBoot(image Image) error
	// EnsureMachine boots the machine unless it runs; what a running one may use
	// of processors and memory is set anew. Its interfaces must have been applied
	// and its volumes be open.
	EnsureMachine(ctx context.Context, m Machine) error
	// StopMachine asks the machine to shut down, waits up to grace, and then
	// ends what is left of it. A machine that does not run is no error.
	StopMachine(ctx context.Context, id string, grace time.Duration) error
	// RebootMachine restarts it in place: same disks, same interfaces.
	RebootMachine(ctx context.Context, m Machine, grace time.Duration) error
	// FreezeMachine stops it in its tracks (hibernate, paused I/O); ThawMachine goes on.
	FreezeMachine(ctx context.Context, id string) error
	ThawMachine(ctx context.Context, id string) error
	// RemoveMachine ends it and forgets everything of it, console included.
	RemoveMachine(ctx context.Context, id string) error
	// Machines lists what exists, running or not.
	Machines(ctx context.Context) ([]MachineStatus, error)
	// MachineStatus tells how one machine is; ErrNotFound where there is none.
	MachineStatus(ctx context.Context, id string) (MachineStatus, error)
	// WatchMachines has f called when a machine changes its state by itself:
	// it was shut down from inside, it rebooted, it crashed.
	WatchMachines(f func(MachineStatus))
	// Console is the last 64 KiB of what the machine wrote to its console.
	Console(ctx context.Context, id string) ([]byte, error)
	// Screenshot is a picture of the machine's screen, as PNG; ErrUnsupported
	// where it has none.
	Screenshot(ctx context.Context, id string) ([]byte, error)
	// Run runs a command inside of the machine, for checks, agents and tests.
	Run(ctx context.Context, id string, c Command) (exit int, err error)
	// Sample reads what the machine has used.
	Sample(ctx context.Context, id string) (Usage, error)

	// AttachVolume makes an open volume appear in the machine as device
	// ("/dev/sdf"); DetachVolume takes it away, ErrBusy while it is mounted
	// there unless force.
	AttachVolume(ctx context.Context, machine string, a Attachment) error
	DetachVolume(ctx context.Context, machine, device string, force bool) error
}

// Machine is the desired state of a machine.
type Machine struct {
	ID       string
	Type     string // of the instance: "t3.micro"
	Hostname string // "ip-10-0-0-5.ec2.internal"
	Image    Image
	VCPUs    int
	// CPUShare is the part of its vCPUs that it may use, 0..1: what a burstable
	// type falls to without credits; 0 means all.
	CPUShare  float64
	MemoryMiB int
	Root      Attachment   // its root volume
	Volumes   []Attachment // the rest, instance store included
	// Interfaces are the ids of its interfaces in the order of their index, of VPC.
	VPC        string
	Interfaces []string
	Engine     string // "container" (default) or "qemu"
	// Guest is what PID 1 needs to know before it can ask the metadata service.
	Guest Guest
}

// Image is what the root volume holds and how it boots.
type Image struct {
	ID       string
	Kind     ImageKind
	Platform string // "" or "windows"
	// Start is how its root volume starts, as far as that is known beforehand.
	Start Start
	// Firmware is what it wants to be started by, where it is a disk.
	Firmware Firmware
}

// ImageKind tells where the files below "/" come from.
type ImageKind string

const (
	// BuiltIn is the small system that comes with pileus; its tools are the
	// pileus program itself.
	BuiltIn ImageKind = "built-in"
	// HostOverlay is the machine's own userland, read-only, with private folders
	// masked, under the root volume.
	HostOverlay ImageKind = "host"
	// Whole is a root volume with a whole file system of its own.
	Whole ImageKind = "whole"
)

// Guest is handed to PID 1.
type Guest struct {
	// Authority is the PEM certificate of the cloud's authority, to be trusted.
	Authority []byte
	// User is the login that the key pair opens: "ec2-user".
	User string
	// Environment is set for everything that runs in the machine.
	Environment []string
	// Nameservers and Search are what its resolver asks and completes names with;
	// none for the cloud's own DNS, and for the domain of its host name.
	Nameservers, Search []string
}

// Attachment is a volume as a machine sees it.
type Attachment struct {
	Volume   string // id of an open volume
	Device   string // "/dev/xvda"
	ReadOnly bool
}

// MachineState is what a machine is doing.
type MachineState string

const (
	Running MachineState = "running"
	Frozen  MachineState = "frozen"
	Stopped MachineState = "stopped"
)

// MachineStatus is what the plane knows of a machine.
type MachineStatus struct {
	ID    string
	State MachineState
	// Booted tells that PID 1 has finished its set-up; Ready that user data has
	// run as well.
	Booted, Ready bool
	// Reason is why it stopped: "shutdown" from inside, "stopped" by
	// StopMachine, "crashed", "lost" with the host that was restarted.
	Reason  string
	Started time.Time
	PID     int // of its first process; 0 where it has none
	// Reachable tells that PID 1 answers: the instance status check.
	Reachable bool
}

// Command is run by Run.
type Command struct {
	Args   []string
	Env    []string
	User   string // root where empty
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
}

// Usage is what a machine has consumed since it started.
type Usage struct {
	CPU                        time.Duration
	MemoryBytes                uint64
	DiskReadOps, DiskWriteOps  uint64
	DiskReadBytes, DiskWritten uint64
}
