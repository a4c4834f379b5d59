package guest

import (
	"io"
	"net"
	"strconv"

	"golang.org/x/crypto/ssh"
)

// endpoint is how requests for forwarding name one end of a connection.
type endpoint struct {
	Host string
	Port uint32
}

func (e endpoint) String() string { return net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port))) }

// connection is what is said of a connection that is forwarded: where to, and
// who asks (RFC 4254, 7.2). Its parts lie side by side, because the library
// writes no structures within structures.
type connection struct {
	Host       string
	Port       uint32
	OriginHost string
	OriginPort uint32
}

// forward connects a channel to where the client wants it (ssh -L, -D, -W).
func (l *login) forward(n ssh.NewChannel) {
	var v connection
	if err := ssh.Unmarshal(n.ExtraData(), &v); err != nil || !l.may(noForwarding) {
		n.Reject(ssh.Prohibited, "forwarding is not allowed")
		return
	}
	c, err := net.DialTimeout("tcp", endpoint{v.Host, v.Port}.String(), loginLimit)
	if err != nil {
		n.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	ch, requests, err := n.Accept()
	if err != nil {
		c.Close()
		return
	}
	go ssh.DiscardRequests(requests)
	join(ch, c)
}

// join copies both ways until both ends have said all.
func join(ch ssh.Channel, c net.Conn) {
	done := make(chan struct{})
	go func() {
		io.Copy(c, ch)
		if t, ok := c.(interface{ CloseWrite() error }); ok { // TCP, and an agent's caller
			t.CloseWrite()
		}
		close(done)
	}()
	io.Copy(ch, c)
	ch.CloseWrite()
	<-done
	ch.Close()
	c.Close()
}

// requests serves what concerns the connection as a whole: listening here for
// the client (ssh -R), and signs of life.
func (l *login) requests(requests <-chan *ssh.Request) {
	for r := range requests {
		ok, payload := false, []byte(nil)
		var v endpoint
		switch r.Type {
		case "keepalive@openssh.com":
			ok = true
		case "tcpip-forward":
			if ssh.Unmarshal(r.Payload, &v) == nil && l.may(noForwarding) {
				ok, payload = l.listen(v)
			}
		case "cancel-tcpip-forward":
			if ssh.Unmarshal(r.Payload, &v) == nil {
				l.mu.Lock()
				if f := l.forwards[v.String()]; f != nil {
					ok = f.Close() == nil
					delete(l.forwards, v.String())
				}
				l.mu.Unlock()
			}
		}
		if r.WantReply {
			r.Reply(ok, payload)
		}
	}
}

func (l *login) listen(at endpoint) (ok bool, payload []byte) {
	if at.Port != 0 && at.Port < 1024 && l.account.uid != 0 {
		return false, nil
	}
	f, err := net.Listen("tcp", at.String())
	if err != nil {
		return false, nil
	}
	port := uint32(f.Addr().(*net.TCPAddr).Port)
	if at.Port == 0 {
		payload = ssh.Marshal(struct{ Port uint32 }{port})
	}
	l.mu.Lock()
	l.forwards[at.String()] = f
	l.mu.Unlock()
	go func() {
		for {
			c, err := f.Accept()
			if err != nil {
				return
			}
			go l.offer(endpoint{at.Host, port}, c)
		}
	}()
	return true, payload
}

// offer hands the client a connection that came in here.
func (l *login) offer(at endpoint, c net.Conn) {
	from := c.RemoteAddr().(*net.TCPAddr)
	ch, requests, err := l.conn.OpenChannel("forwarded-tcpip", ssh.Marshal(connection{at.Host, at.Port, from.IP.String(), uint32(from.Port)}))
	if err != nil {
		c.Close()
		return
	}
	go ssh.DiscardRequests(requests)
	join(ch, c)
}

func (l *login) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.forwards {
		f.Close()
	}
}
