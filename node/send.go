package node

import (
	"io"
	"net"

	"pileus/blob"
)

// ReadFrom is what net/http copies the body of an answer with, over plain
// HTTP/1.1 and where its length is known. Content that is kept in memory is
// sent by the kernel, and files in the connection's own way.
func (p *peeked) ReadFrom(r io.Reader) (int64, error) {
	s, ok := r.(*blob.SendReader)
	if !ok {
		return io.Copy(p.Conn, r)
	}
	t, ok := p.Conn.(*net.TCPConn)
	if !ok {
		return io.Copy(p.Conn, r)
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return 0, err
	}
	return s.Send(raw)
}
