//go:build linux

package cgroup

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Control groups of the second kind ask a small program of ours whether a
// device may be used. It is given access<<16|type, major and minor.

// instruction is one of the kernel's 64-bit virtual machine.
type instruction struct {
	code uint8
	regs uint8 // destination in the low half, source in the high half
	off  int16
	imm  int32
}

const (
	deviceBlock = 1 // BPF_DEVCG_DEV_BLOCK
	deviceChar  = 2 // BPF_DEVCG_DEV_CHAR
	accessWrite = 4 // BPF_DEVCG_ACC_WRITE
)

// deviceProgram answers 1 for the harmless devices, pseudo terminals and the
// listed devices, 0 for the rest.
func deviceProgram(devices []Device) []instruction {
	const (
		loadWord  = 0x61 // r = *(u32 *)(r + off)
		move      = 0xb7 // r = imm
		copyReg   = 0xbf // r = r
		and       = 0x57 // r &= imm
		shift     = 0x77 // r >>= imm
		different = 0x55 // if r != imm skip off
		exit      = 0x95
	)
	p := []instruction{
		{loadWord, 2 | 1<<4, 0, 0}, // r2: type and access
		{copyReg, 5 | 2<<4, 0, 0},
		{and, 2, 0, 0xffff}, // r2: type
		{shift, 5, 0, 16},
		{and, 5, 0, accessWrite},   // r5: whether it writes
		{loadWord, 3 | 1<<4, 4, 0}, // r3: major
		{loadWord, 4 | 1<<4, 8, 0}, // r4: minor
	}
	rule := func(kind int32, major, minor int64, readOnly bool) {
		checks := []instruction{{different, 2, 0, kind}, {different, 3, 0, int32(major)}}
		if minor >= 0 {
			checks = append(checks, instruction{different, 4, 0, int32(minor)})
		}
		if readOnly {
			checks = append(checks, instruction{different, 5, 0, 0})
		}
		for i := range checks {
			checks[i].off = int16(len(checks) - i - 1 + 2) // past the answer
		}
		p = append(p, checks...)
		p = append(p, instruction{move, 0, 0, 1}, instruction{exit, 0, 0, 0})
	}
	for _, d := range harmless {
		rule(deviceChar, int64(d[0]), int64(d[1]), false)
	}
	rule(deviceChar, 136, -1, false)
	for _, d := range devices {
		kind := int32(deviceBlock)
		if d.Char {
			kind = deviceChar
		}
		rule(kind, int64(d.Major), int64(d.Minor), d.ReadOnly)
	}
	return append(p, instruction{move, 0, 0, 0}, instruction{exit, 0, 0, 0})
}

// allowDevices makes the program for devices the one that decides in the group,
// in place of what decided before.
func allowDevices(group int, devices []Device) error {
	before, err := devicePrograms(group)
	if err != nil {
		return err
	}
	prog, err := loadDeviceProgram(deviceProgram(devices))
	if err != nil {
		return err
	}
	defer unix.Close(prog)
	attach := struct{ target, prog, kind, flags, replace uint32 }{
		uint32(group), uint32(prog), unix.BPF_CGROUP_DEVICE, unix.BPF_F_ALLOW_MULTI, 0,
	}
	if len(before) > 0 {
		old, err := programByID(before[0])
		if err != nil {
			return err
		}
		defer unix.Close(old)
		attach.flags |= unix.BPF_F_REPLACE
		attach.replace = uint32(old)
	}
	_, err = bpf(unix.BPF_PROG_ATTACH, unsafe.Pointer(&attach), unsafe.Sizeof(attach))
	return err
}

func loadDeviceProgram(p []instruction) (fd int, err error) {
	license := []byte("Apache-2.0\x00")
	load := struct {
		kind, count             uint32
		instructions, license   uint64
		logLevel, logSize       uint32
		log                     uint64
		kernel, flags           uint32
		name                    [16]byte
		index, expected, btf, _ uint32
	}{
		kind: unix.BPF_PROG_TYPE_CGROUP_DEVICE, count: uint32(len(p)),
		instructions: uint64(uintptr(unsafe.Pointer(&p[0]))), license: uint64(uintptr(unsafe.Pointer(&license[0]))),
		expected: unix.BPF_CGROUP_DEVICE,
	}
	copy(load.name[:], "pileus_devices")
	fd, err = bpf(unix.BPF_PROG_LOAD, unsafe.Pointer(&load), unsafe.Sizeof(load))
	runtime.KeepAlive(p)
	runtime.KeepAlive(license)
	return fd, err
}

// devicePrograms lists the ids of the programs attached to the group.
func devicePrograms(group int) ([]uint32, error) {
	ids := make([]uint32, 8)
	query := struct {
		target, kind, flags, attached uint32
		ids                           uint64
		count, _                      uint32
	}{target: uint32(group), kind: unix.BPF_CGROUP_DEVICE, ids: uint64(uintptr(unsafe.Pointer(&ids[0]))), count: uint32(len(ids))}
	_, err := bpf(unix.BPF_PROG_QUERY, unsafe.Pointer(&query), unsafe.Sizeof(query))
	runtime.KeepAlive(ids)
	if err != nil {
		return nil, err
	}
	return ids[:query.count], nil
}

func programByID(id uint32) (fd int, err error) {
	get := struct{ id, next, flags uint32 }{id: id}
	return bpf(unix.BPF_PROG_GET_FD_BY_ID, unsafe.Pointer(&get), unsafe.Sizeof(get))
}

// interruptions is how often at most a call is made anew that a signal has
// interrupted: the kernel's verifier gives up at one (EAGAIN), and Go's runtime
// sends many.
const interruptions = 1000

func bpf(command int, attributes unsafe.Pointer, size uintptr) (int, error) {
	for tries := 0; ; tries++ {
		n, _, errno := unix.Syscall(unix.SYS_BPF, uintptr(command), uintptr(attributes), size)
		switch {
		case errno == 0:
			return int(n), nil
		case (errno != unix.EAGAIN && errno != unix.EINTR) || tries == interruptions:
			return 0, fmt.Errorf("bpf: %w", errno)
		}
	}
}
