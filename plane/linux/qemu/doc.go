// Package qemu runs machines as guests of QEMU, with a kernel of their own: the
// image's, or where it has none, one of the host's. docs/machines.md explains
// when it is used, and how guests boot.
//
// A machine is one QEMU process in the network namespace and the control groups
// of the machine. It outlives this process, and is found again by its number
// and start time; its folder below Options.Dir has its record, its console and
// the socket by which QEMU is steered (QMP).
package qemu
