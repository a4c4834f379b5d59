//go:build linux

package toolbox

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	keyring "golang.org/x/crypto/ssh/agent"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// sshFailed is the exit status where it is not the far program that failed.
const sshFailed = exit(255)

// sshTarget is what a command line of ssh asks for.
type sshTarget struct {
	user, host, port, command string
	timeout                   time.Duration
	identities                []string
	forwardAgent              bool
	terminal                  bool
	strict                    string // StrictHostKeyChecking
	known                     string // UserKnownHostsFile
}

// sshClient logs in to another machine: from a bastion host to those behind it.
func sshClient(c *call) error {
	t, err := c.sshTarget()
	if err != nil {
		return err
	}
	client, err := c.sshConnect(t)
	if err != nil {
		fmt.Fprintln(c.errors, err)
		return sshFailed
	}
	defer client.Close()
	err = c.sshRun(client, t)
	var ended *ssh.ExitError
	switch {
	case errors.As(err, &ended):
		if ended.Signal() != "" {
			return sshFailed
		}
		return exit(ended.ExitStatus())
	case err != nil:
		fmt.Fprintf(c.errors, "Connection to %s closed: %v\n", t.host, err)
		return sshFailed
	}
	return nil
}

func (c *call) sshTarget() (*sshTarget, error) {
	p, err := c.parse(options{letters: "i:l:p:o:AatTqv46F:"}, true)
	if err != nil {
		return nil, err
	}
	if len(p.args) == 0 {
		return nil, usage("usage: ssh [-A] [-i identity_file] [-l login_name] [-o option] [-p port] [-t] [user@]host [command ...]")
	}
	home := os.Getenv("HOME")
	t := &sshTarget{
		user: p.value("l"), host: p.args[0], port: p.value("p"), identities: p.all["i"], forwardAgent: p.has("A"),
		strict: "ask", known: filepath.Join(home, ".ssh/known_hosts"),
	}
	// Options may follow the host, as they do where people forgot one.
	rest := *c
	rest.args = p.args[1:]
	if len(rest.args) > 0 && strings.HasPrefix(rest.args[0], "-") {
		if p, err = rest.parse(options{letters: "i:l:p:o:AatTqv46F:"}, true); err != nil {
			return nil, err
		}
		t.identities = append(t.identities, p.all["i"]...)
		rest.args = p.args
	}
	if i := strings.LastIndex(t.host, "@"); i >= 0 {
		t.user, t.host = t.host[:i], t.host[i+1:]
	}
	if t.user == "" {
		t.user = userName(os.Getuid())
	}
	if t.port == "" {
		t.port = "22"
	}
	t.command = strings.Join(rest.args, " ")
	t.terminal = p.has("t") || t.command == "" && !p.has("T")
	if len(t.identities) == 0 {
		t.identities, _ = filepath.Glob(filepath.Join(home, ".ssh/id_*"))
		t.identities = slices.DeleteFunc(t.identities, func(n string) bool { return strings.HasSuffix(n, ".pub") })
	}
	for _, o := range p.all["o"] {
		if err := t.option(o); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// option takes Name=value, as -o has it.
func (t *sshTarget) option(o string) error {
	name, value, ok := strings.Cut(o, "=")
	if !ok {
		name, value, _ = strings.Cut(o, " ")
	}
	switch strings.ToLower(name) {
	case "stricthostkeychecking":
		t.strict = value
	case "userknownhostsfile":
		t.known = value
	case "forwardagent":
		t.forwardAgent = value == "yes"
	case "identityfile":
		t.identities = append(t.identities, value)
	case "user":
		t.user = value
	case "port":
		t.port = value
	case "connecttimeout":
		d, err := seconds(value)
		if err != nil {
			return err
		}
		t.timeout = d
	case "loglevel", "batchmode", "serveraliveinterval", "identitiesonly":
	default:
		return usage(fmt.Sprintf("the option %q has no effect here", name))
	}
	return nil
}

func (c *call) sshConnect(t *sshTarget) (*ssh.Client, error) {
	signers, err := c.sshSigners(t)
	if err != nil {
		return nil, err
	}
	at := net.JoinHostPort(t.host, t.port)
	dialer := net.Dialer{Timeout: t.timeout}
	conn, err := dialer.DialContext(c.ctx, "tcp", at)
	if err != nil {
		var name *net.DNSError
		switch {
		case errors.As(err, &name):
			return nil, fmt.Errorf("ssh: Could not resolve hostname %s: Name or service not known", t.host)
		case errors.Is(err, os.ErrDeadlineExceeded):
			err = unix.ETIMEDOUT
		}
		return nil, fmt.Errorf("ssh: connect to host %s port %s: %s", t.host, t.port, sentence(unwrap(err)))
	}
	over, channels, requests, err := ssh.NewClientConn(conn, at, &ssh.ClientConfig{
		User: t.user, HostKeyCallback: c.hostKeys(t),
		Auth: []ssh.AuthMethod{ssh.PublicKeys(signers...)},
	})
	if err != nil {
		conn.Close()
		if errors.Is(err, errHostKey) {
			return nil, errHostKey
		}
		if strings.Contains(err.Error(), "unable to authenticate") {
			return nil, said(fmt.Sprintf("%s@%s: Permission denied (publickey).", t.user, t.host))
		}
		return nil, err
	}
	return ssh.NewClient(over, channels, requests), nil
}

// sshSigners are the keys of the files, and those of the agent whose socket the
// environment names.
func (c *call) sshSigners(t *sshTarget) (signers []ssh.Signer, err error) {
	for _, name := range t.identities {
		b, err := os.ReadFile(name)
		if err != nil {
			fmt.Fprintf(c.errors, "Warning: Identity file %s not accessible: %s.\n", name, sentence(unwrap(err)))
			continue
		}
		if i, err := os.Stat(name); err == nil && i.Mode()&0o077 != 0 {
			fmt.Fprintf(c.errors, "WARNING: UNPROTECTED PRIVATE KEY FILE!\nPermissions %04o for '%s' are too open.\nThis private key will be ignored: chmod 400 %s.\n", i.Mode().Perm(), name, name)
			continue
		}
		s, err := ssh.ParsePrivateKey(b)
		if err != nil {
			fmt.Fprintf(c.errors, "Load key \"%s\": %v\n", name, err)
			continue
		}
		signers = append(signers, s)
	}
	if a, err := sshAgent(); err == nil {
		held, err := a.Signers()
		if err != nil {
			return nil, fmt.Errorf("the agent: %w", err)
		}
		signers = append(signers, held...)
	}
	return signers, nil
}

func sshAgent() (keyring.ExtendedAgent, error) {
	conn, err := net.Dial("unix", os.Getenv("SSH_AUTH_SOCK"))
	if err != nil {
		return nil, err
	}
	return keyring.NewClient(conn), nil // open until the program ends
}

func (c *call) sshRun(client *ssh.Client, t *sshTarget) error {
	s, err := client.NewSession()
	if err != nil {
		return err
	}
	defer s.Close()
	if t.forwardAgent {
		if a, err := sshAgent(); err == nil {
			if err := errors.Join(keyring.ForwardToAgent(client, a), keyring.RequestAgentForwarding(s)); err != nil {
				return err
			}
		}
	}
	s.Stdout, s.Stderr = c.out, c.errors
	in, err := s.StdinPipe()
	if err != nil {
		return err
	}
	if t.terminal {
		restore, err := sshTerminal(s)
		if err != nil {
			return err
		}
		defer restore()
	}
	if t.command == "" {
		err = s.Shell()
	} else {
		err = s.Start(t.command)
	}
	if err != nil {
		return err
	}
	go func() { // reads until the program ends: a terminal has no end
		io.Copy(in, c.in)
		in.Close()
	}()
	return s.Wait()
}

// sshTerminal asks for a terminal over there that is as this one, whose keys go
// there as they are; without a terminal here there is none there.
func sshTerminal(s *ssh.Session) (restore func(), err error) {
	const in, out = 0, 1
	if !term.IsTerminal(in) {
		return func() {}, nil
	}
	columns, rows, err := term.GetSize(out)
	if err != nil {
		columns, rows = 80, 24
	}
	if err := s.RequestPty(os.Getenv("TERM"), rows, columns, ssh.TerminalModes{}); err != nil {
		return nil, err
	}
	before, err := term.MakeRaw(in)
	if err != nil {
		return nil, err
	}
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, unix.SIGWINCH)
	go func() {
		for range resized {
			if columns, rows, err := term.GetSize(out); err == nil {
				s.WindowChange(rows, columns)
			}
		}
	}()
	return func() {
		signal.Stop(resized)
		close(resized)
		term.Restore(in, before)
	}, nil
}
