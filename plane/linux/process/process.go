//go:build linux

package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Process is the first process of a machine that runs.
type Process struct {
	PID   int
	fd    *os.File // a pidfd: it means this process for ever
	child bool     // of ours, and ours to wait for
	Gone  chan struct{}
	left  atomic.Bool // release was called
}

// Hold takes hold of a process by its number and start time; nil if it is not
// that process any more.
func Hold(pid int, birth uint64, child bool) (*Process, error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("pidfd_open: %w", err)
	}
	// The number may have been used again before it was opened.
	if b, err := BirthOf(pid); birth != 0 && (err != nil || b != birth) {
		unix.Close(fd)
		return nil, nil
	}
	return &Process{PID: pid, fd: os.NewFile(uintptr(fd), "pidfd"), child: child, Gone: make(chan struct{})}, nil
}

// BirthOf is when a process started, in ticks since the host did.
func BirthOf(pid int) (uint64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The second field is the program's name, in which anything may be.
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(f) < 20 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(f))
	}
	if f[0][0] == 'Z' {
		return 0, os.ErrProcessDone
	}
	return strconv.ParseUint(string(f[19]), 10, 64)
}

// HostBoot tells one start of the host from another: what was recorded before
// it changed is gone from the kernel. It is empty where it cannot be read.
func HostBoot() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(b))
}

func (p *Process) Kill() error {
	raw, err := p.fd.SyscallConn()
	if err != nil {
		return err
	}
	inner := raw.Control(func(fd uintptr) { err = unix.PidfdSendSignal(int(fd), unix.SIGKILL, nil, 0) })
	if errors.Is(err, unix.ESRCH) {
		err = nil
	}
	return errors.Join(inner, err)
}

// File is a copy of a file that the process has open under a number. It takes
// the right to trace it.
func (p *Process) File(number int) (*os.File, error) {
	raw, err := p.fd.SyscallConn()
	if err != nil {
		return nil, err
	}
	got := -1
	inner := raw.Control(func(fd uintptr) { got, err = unix.PidfdGetfd(int(fd), number, 0) })
	if err := errors.Join(inner, err); err != nil {
		return nil, fmt.Errorf("pidfd_getfd: %w", err)
	}
	return os.NewFile(uintptr(got), "copy"), nil
}

// Wait returns once the process has ended, with the signal that ended it; ok is
// false if the process was let go of. It holds no thread meanwhile.
func (p *Process) Wait() (signal syscall.Signal, ok bool) {
	raw, err := p.fd.SyscallConn()
	if err != nil {
		return 0, false
	}
	err = raw.Read(func(fd uintptr) bool {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return err == nil && n == 1
	})
	if err != nil || p.left.Load() {
		return 0, false
	}
	if p.child {
		var status syscall.WaitStatus
		for {
			_, err = syscall.Wait4(p.PID, &status, 0, nil)
			if err != syscall.EINTR {
				break
			}
		}
		return ended(status), true
	}
	return p.exitSignal(raw), true
}

func ended(status syscall.WaitStatus) syscall.Signal {
	if status.Signaled() {
		return status.Signal()
	}
	return 0
}

// exitSignal asks the kernel how a process ended that is no child of ours.
// Kernels before 6.15 do not tell.
func (p *Process) exitSignal(raw syscall.RawConn) (signal syscall.Signal) {
	const (
		wantExit = 1 << 3                           // PIDFD_INFO_EXIT
		getInfo  = 3<<30 | 64<<16 | 0xff<<8 | 11<<0 // PIDFD_GET_INFO
	)
	info := struct {
		mask, cgroup uint64
		_            [11]uint32
		exit         int32
	}{mask: wantExit}
	raw.Control(func(fd uintptr) {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, getInfo, uintptr(unsafe.Pointer(&info)))
		if errno == 0 && info.mask&wantExit != 0 {
			signal = ended(syscall.WaitStatus(info.exit))
		}
	})
	return signal
}

// Release stops waiting for the process, which runs on.
func (p *Process) Release() {
	p.left.Store(true)
	p.fd.Close()
}
