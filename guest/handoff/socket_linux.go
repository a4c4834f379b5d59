package handoff

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// most is the largest request: a command line and its environment.
const most = 1 << 20

// Ask sends a request with open files to an agent and waits for the answer.
func Ask(ctx context.Context, c *net.UnixConn, r Request, files ...*os.File) (Answer, error) {
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	b, err := json.Marshal(r)
	if err != nil {
		return Answer{}, err
	}
	if len(b) >= most {
		return Answer{}, fmt.Errorf("a command line of %d bytes is too long", len(b))
	}
	var rights []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
		}
		rights = unix.UnixRights(fds...)
	}
	b = append(b, '\n')
	n, _, err := c.WriteMsgUnix(b, rights, nil)
	if err == nil && n < len(b) {
		_, err = c.Write(b[n:])
	}
	if err != nil {
		return Answer{}, errors.Join(err, ctx.Err())
	}
	var a Answer
	if err := json.NewDecoder(bufio.NewReader(c)).Decode(&a); err != nil {
		return Answer{}, errors.Join(fmt.Errorf("the machine gave no answer: %w", err), ctx.Err())
	}
	if a.Error != "" {
		return a, errors.New(a.Error)
	}
	return a, nil
}

// Receive reads a request and the files that came with it.
func Receive(c *net.UnixConn) (r Request, files []*os.File, err error) {
	b, oob := make([]byte, 16<<10), make([]byte, unix.CmsgSpace(3*4))
	n, on, _, _, err := c.ReadMsgUnix(b, oob)
	if err != nil {
		return r, nil, err
	}
	for _, fd := range descriptors(oob[:on]) {
		unix.CloseOnExec(fd)
		files = append(files, os.NewFile(uintptr(fd), "passed"))
	}
	b = b[:n]
	for len(b) < most && (len(b) == 0 || b[len(b)-1] != '\n') {
		more := make([]byte, 16<<10)
		n, err := c.Read(more)
		if err != nil {
			closeAll(files)
			return r, nil, err
		}
		b = append(b, more[:n]...)
	}
	if err := json.Unmarshal(b, &r); err != nil {
		closeAll(files)
		return r, nil, err
	}
	return r, files, nil
}

// Reply answers a request.
func Reply(c *net.UnixConn, a Answer) error { return json.NewEncoder(c).Encode(a) }

// Peer is the user who holds the other end of the connection.
func Peer(c *net.UnixConn) (cred *unix.Ucred, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	inner := raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	return cred, errors.Join(inner, err)
}

func descriptors(oob []byte) (fds []int) {
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return nil
	}
	for i := range messages {
		if got, err := syscall.ParseUnixRights(&messages[i]); err == nil {
			fds = append(fds, got...)
		}
	}
	return fds
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
