package guest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"
)

// agentSocket is where programs of one session reach the client's agent
// (ssh -A), so that a bastion host needs no private key of its own.
type agentSocket struct {
	listener net.Listener
	folder   string
}

// offerAgent listens for the session's programs and leads whoever calls to the
// client's agent.
func (l *login) offerAgent() (*agentSocket, error) {
	folder, err := os.MkdirTemp("", "ssh-")
	if err != nil {
		return nil, err
	}
	a := &agentSocket{folder: folder}
	name := filepath.Join(folder, "agent")
	if a.listener, err = net.Listen("unix", name); err == nil {
		// The folder goes to the user last: only root looks into it until then.
		for _, n := range []string{name, folder} {
			if err == nil {
				err = os.Lchown(n, int(l.account.uid), int(l.account.gid))
			}
		}
	}
	if err != nil {
		a.close()
		return nil, fmt.Errorf("forward the agent: %w", err)
	}
	go func() {
		for {
			c, err := a.listener.Accept()
			if err != nil {
				return
			}
			go l.toAgent(c)
		}
	}()
	return a, nil
}

func (a *agentSocket) name() string { return a.listener.Addr().String() }

func (a *agentSocket) close() {
	if a.listener != nil {
		a.listener.Close()
	}
	os.RemoveAll(a.folder)
}

// toAgent joins one caller with the agent on the client's side.
func (l *login) toAgent(c net.Conn) {
	ch, requests, err := l.conn.OpenChannel("auth-agent@openssh.com", nil)
	if err != nil {
		c.Close()
		return
	}
	go ssh.DiscardRequests(requests)
	join(ch, c)
}
