package guest

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"pileus/guest/toolbox"
)

// loginLimit is how long a client has to show its key.
const loginLimit = 2 * time.Minute

var (
	noDeadline time.Time
	longAgo    = time.Unix(1, 0) // a deadline that ends what waits now
)

// login is a client that was let in.
type login struct {
	s       *sshServer
	conn    *ssh.ServerConn
	account account

	mu       sync.Mutex
	forwards map[string]net.Listener
}

func (l *login) may(not string) bool { return l.conn.Permissions.Extensions[not] == "" }

// session is one shell, command or file transfer of a login.
type session struct {
	l        *login
	ch       ssh.Channel
	env      []string
	terminal *os.File // the master's end of the pseudo terminal, if it has one
	slave    string
	kind     string // of the terminal
	agent    *agentSocket
	child    *child
}

func (l *login) session(n ssh.NewChannel) {
	ch, requests, err := n.Accept()
	if err != nil {
		return
	}
	s := &session{l: l, ch: ch}
	defer func() {
		// The kernel hangs up a terminal and tells its programs. Those without
		// one go on, as with OpenSSH: what a command has left in the background
		// outlives it.
		if s.terminal != nil {
			s.terminal.Close()
		}
		if s.agent != nil {
			s.agent.close()
		}
	}()
	for r := range requests {
		err := s.request(r)
		if r.WantReply {
			r.Reply(err == nil, nil)
		}
		if err != nil && s.child == nil {
			fmt.Fprintln(ch.Stderr(), err)
		}
	}
}

func (s *session) request(r *ssh.Request) error {
	switch r.Type {
	case "env":
		var v struct{ Name, Value string }
		if err := ssh.Unmarshal(r.Payload, &v); err != nil {
			return err
		}
		// Others are dropped without a word, as sshd does: clients send what
		// their own configuration says.
		if v.Name == "LANG" || strings.HasPrefix(v.Name, "LC_") {
			s.env = append(s.env, v.Name+"="+v.Value)
		}
		return nil
	case "auth-agent-req@openssh.com":
		return s.forwardAgent()
	case "pty-req":
		return s.openTerminal(r.Payload)
	case "window-change":
		var v struct{ Columns, Rows, Width, Height uint32 }
		if err := ssh.Unmarshal(r.Payload, &v); err != nil {
			return err
		}
		return s.resize(v.Columns, v.Rows)
	case "shell":
		return s.start("")
	case "exec":
		var v struct{ Command string }
		if err := ssh.Unmarshal(r.Payload, &v); err != nil {
			return err
		}
		return s.start(v.Command)
	case "subsystem":
		var v struct{ Name string }
		if err := ssh.Unmarshal(r.Payload, &v); err != nil {
			return err
		}
		if v.Name != "sftp" {
			return errors.New("no such subsystem")
		}
		return s.run(Program, []string{toolbox.FileServer})
	case "signal":
		var v struct{ Name string }
		if err := ssh.Unmarshal(r.Payload, &v); err != nil {
			return err
		}
		if n := unix.SignalNum("SIG" + v.Name); s.child != nil && n != 0 {
			return unix.Kill(-s.child.pid, n)
		}
		return nil
	}
	return errors.New("not supported")
}

// forwardAgent lets what the session runs use the client's keys.
func (s *session) forwardAgent() error {
	if s.agent != nil || !s.l.may(noAgent) {
		return errors.New("no agent")
	}
	a, err := s.l.offerAgent()
	if err != nil {
		return err
	}
	s.agent = a
	s.env = append(s.env, "SSH_AUTH_SOCK="+a.name())
	return nil
}

func (s *session) openTerminal(payload []byte) error {
	var v struct {
		Kind                         string
		Columns, Rows, Width, Height uint32
		Modes                        string
	}
	if err := ssh.Unmarshal(payload, &v); err != nil {
		return err
	}
	if s.terminal != nil || !s.l.may(noTerminal) {
		return errors.New("no terminal")
	}
	master, slave, err := openTerminal()
	if err != nil {
		return err
	}
	s.terminal, s.slave, s.kind = master, slave, v.Kind
	if err := os.Chown(slave, int(s.l.account.uid), -1); err != nil {
		return err
	}
	return s.resize(v.Columns, v.Rows)
}

func (s *session) resize(columns, rows uint32) error {
	if s.terminal == nil {
		return errors.New("no terminal")
	}
	raw, err := s.terminal.SyscallConn()
	if err != nil {
		return err
	}
	inner := raw.Control(func(fd uintptr) {
		err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(rows), Col: uint16(columns)})
	})
	return errors.Join(inner, err)
}

// start runs the user's shell: as a login shell, or for a command.
func (s *session) start(command string) error {
	shell := s.l.account.shell
	if forced := s.l.conn.Permissions.Extensions[forcedCommand]; forced != "" {
		s.env = append(s.env, "SSH_ORIGINAL_COMMAND="+command)
		command = forced
	}
	if command != "" {
		return s.run(shell, []string{filepath.Base(shell), "-c", command})
	}
	if motd, err := os.ReadFile("/etc/motd"); err == nil && s.terminal != nil {
		s.ch.Write([]byte(strings.ReplaceAll(string(motd), "\n", "\r\n")))
	}
	return s.run(shell, []string{"-" + filepath.Base(shell)})
}

// run starts a program with the session's terminal or with pipes.
func (s *session) run(path string, args []string) error {
	if s.child != nil {
		return errors.New("one command to a session")
	}
	a := s.l.account
	env := append(s.l.s.m.environment(a), s.env...)
	here, there := s.l.conn.LocalAddr().(*net.TCPAddr), s.l.conn.RemoteAddr().(*net.TCPAddr)
	env = append(env,
		fmt.Sprintf("SSH_CLIENT=%s %d %d", there.IP, there.Port, here.Port),
		fmt.Sprintf("SSH_CONNECTION=%s %d %s %d", there.IP, there.Port, here.IP, here.Port))
	dir := a.home
	if i, err := os.Stat(dir); err != nil || !i.IsDir() {
		dir = "/"
	}
	attr := &syscall.ProcAttr{Dir: dir, Env: env, Sys: &syscall.SysProcAttr{Setsid: true, Credential: a.credential()}}
	if s.terminal != nil {
		return s.runOnTerminal(path, args, attr)
	}
	return s.runOnPipes(path, args, attr)
}

func (s *session) runOnTerminal(path string, args []string, attr *syscall.ProcAttr) error {
	slave, err := os.OpenFile(s.slave, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	defer slave.Close()
	attr.Env = append(attr.Env, "TERM="+cmp.Or(s.kind, "dumb"), "SSH_TTY="+s.slave)
	attr.Files = []uintptr{slave.Fd(), slave.Fd(), slave.Fd()}
	attr.Sys.Setctty, attr.Sys.Ctty = true, 0
	if s.child, err = s.l.s.m.children.start(path, args, attr); err != nil {
		return err
	}
	go io.Copy(s.terminal, s.ch)
	copied := make(chan struct{})
	go func() {
		io.Copy(s.ch, s.terminal) // ends when the last program has closed the slave, or with the deadline
		drain(s.ch, s.terminal)
		close(copied)
	}()
	go func() {
		status := <-s.child.done
		// As with OpenSSH, a terminal's session ends with its first program:
		// what that left in the background may have it open for longer.
		s.terminal.SetReadDeadline(longAgo)
		<-copied
		s.finish(status)
	}()
	return nil
}

// drain copies what a terminal still has, without waiting for more.
func drain(to io.Writer, terminal *os.File) {
	raw, err := terminal.SyscallConn()
	if err != nil {
		return
	}
	raw.Control(func(fd uintptr) {
		b := make([]byte, 4096)
		for {
			n, err := unix.Read(int(fd), b)
			if err == unix.EINTR {
				continue
			}
			if err != nil || n <= 0 {
				return
			}
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
	})
}

func (s *session) runOnPipes(path string, args []string, attr *syscall.ProcAttr) error {
	var near, far []*os.File
	defer func() {
		for _, f := range far {
			f.Close()
		}
	}()
	for i := range 3 {
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		if i == 0 {
			far, near = append(far, r), append(near, w)
		} else {
			far, near = append(far, w), append(near, r)
		}
	}
	for _, f := range far {
		attr.Files = append(attr.Files, f.Fd())
	}
	c, err := s.l.s.m.children.start(path, args, attr)
	if err != nil {
		for _, f := range near {
			f.Close()
		}
		return err
	}
	s.child = c
	go func() {
		io.Copy(near[0], s.ch)
		near[0].Close()
	}()
	copied := make(chan struct{})
	go func() {
		var both sync.WaitGroup
		both.Go(func() { io.Copy(s.ch, near[1]); near[1].Close() })
		both.Go(func() { io.Copy(s.ch.Stderr(), near[2]); near[2].Close() })
		both.Wait()
		close(copied)
	}()
	go func() {
		status := <-s.child.done
		<-copied
		s.finish(status)
	}()
	return nil
}

// finish tells the client how the program ended, all that it wrote having been
// sent.
func (s *session) finish(status syscall.WaitStatus) {
	if status.Signaled() {
		s.ch.SendRequest("exit-signal", false, ssh.Marshal(struct {
			Signal          string
			Core            bool
			Error, Language string
		}{strings.TrimPrefix(unix.SignalName(status.Signal()), "SIG"), status.CoreDump(), "", ""}))
	} else {
		s.ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(status.ExitStatus())}))
	}
	s.ch.Close()
}
