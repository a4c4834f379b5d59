package handoff

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Without root there are no block devices. A process outside of the machine
// then has the disk, and gives its content out as mounts, which the first
// process puts where they belong: the disk as one file, or the file system on
// it. Each attached disk has a socket between the two, of whole messages.

// DiskFD is the first of the sockets that the first process inherits, one for
// each of the Disks of a Spec without block devices.
const DiskFD = 6

// DiskRequest asks for a mount.
type DiskRequest struct {
	FileSystem bool // or the disk itself
	ReadOnly   bool
}

type diskAnswer struct{ Error string }

// AskDisk asks who has a disk for a mount that is nowhere yet.
func AskDisk(c *net.UnixConn, r DiskRequest) (mount *os.File, err error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	if _, err := c.Write(b); err != nil {
		return nil, fmt.Errorf("who has the disk has gone: %w", err)
	}
	b, files, err := receiveDisk(c)
	if err != nil {
		return nil, fmt.Errorf("who has the disk has gone: %w", err)
	}
	var a diskAnswer
	if err := json.Unmarshal(b, &a); err != nil {
		closeAll(files)
		return nil, err
	}
	if a.Error != "" || len(files) != 1 {
		closeAll(files)
		return nil, errors.New(a.Error)
	}
	return files[0], nil
}

// ServeDisk answers requests for mounts until the machine has no more.
func ServeDisk(c *net.UnixConn, mount func(DiskRequest) (*os.File, error)) error {
	for {
		b, files, err := receiveDisk(c)
		closeAll(files)
		if err != nil || len(b) == 0 {
			return nil // the machine has ended, or let go of the disk
		}
		var r DiskRequest
		if err := json.Unmarshal(b, &r); err != nil {
			return err
		}
		f, err := mount(r)
		a := diskAnswer{}
		var rights []byte
		if err != nil {
			a.Error = err.Error()
		} else {
			rights = unix.UnixRights(int(f.Fd()))
		}
		if b, err = json.Marshal(a); err != nil {
			return err
		}
		_, _, err = c.WriteMsgUnix(b, rights, nil)
		if f != nil {
			f.Close()
		}
		if err != nil {
			return err
		}
	}
}

func receiveDisk(c *net.UnixConn) (b []byte, files []*os.File, err error) {
	b, oob := make([]byte, 4<<10), make([]byte, unix.CmsgSpace(4))
	n, on, _, _, err := c.ReadMsgUnix(b, oob)
	if err != nil {
		return nil, nil, err
	}
	for _, fd := range descriptors(oob[:on]) {
		unix.CloseOnExec(fd)
		files = append(files, os.NewFile(uintptr(fd), "mount"))
	}
	return b[:n], files, nil
}
