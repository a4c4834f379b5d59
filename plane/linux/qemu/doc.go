// Package qemu runs machines as guests of QEMU: a kernel of their own, for
// images that bring one. docs/machines.md explains when it is used.
//
// A machine is one QEMU process in the network namespace and the control groups
// of the machine. It outlives this process, and is found again by its number
// and start time; its folder below Options.Dir has its record, its console and
// the socket by which QEMU is steered (QMP).
package qemu
