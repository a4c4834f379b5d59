package guest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"
)

// sshServer lets in whoever holds a key that the user's authorized_keys has, or
// one that was pushed by EC2 Instance Connect.
type sshServer struct {
	m        *machine
	config   *ssh.ServerConfig
	listener net.Listener
}

// startSSH serves SSH on port 22 unless the image's own server has it already.
// On the first boot the fingerprints of the host keys go to the console, where
// they are looked for.
func (m *machine) startSSH(first bool) error {
	s := &sshServer{m: m, config: &ssh.ServerConfig{ServerVersion: "SSH-2.0-pileus", MaxAuthTries: 6}}
	s.config.PublicKeyCallback = s.authenticate
	signers, err := hostKeys()
	if err != nil {
		return err
	}
	for _, k := range signers {
		s.config.AddHostKey(k)
	}
	if first {
		m.console.printf("-----BEGIN SSH HOST KEY FINGERPRINTS-----\n")
		for _, k := range signers {
			m.console.printf("%s %s (%s)\n", ssh.FingerprintSHA256(k.PublicKey()), m.spec.Hostname, k.PublicKey().Type())
		}
		m.console.printf("-----END SSH HOST KEY FINGERPRINTS-----\n")
	}
	if s.listener, err = net.Listen("tcp", ":22"); err != nil {
		if errors.Is(err, unix.EADDRINUSE) {
			return nil
		}
		return err
	}
	go s.serve()
	return nil
}

// hostKeys reads the machine's own keys, which are made when it first boots.
func hostKeys() (signers []ssh.Signer, err error) {
	for _, kind := range []string{"ed25519", "ecdsa"} {
		name := filepath.Join("/etc/ssh", "ssh_host_"+kind+"_key")
		b, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			b, err = makeHostKey(kind, name)
		}
		if err != nil {
			return nil, err
		}
		s, err := ssh.ParsePrivateKey(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		signers = append(signers, s)
	}
	return signers, nil
}

func makeHostKey(kind, name string) ([]byte, error) {
	var key any
	var err error
	if kind == "ed25519" {
		_, key, err = ed25519.GenerateKey(rand.Reader)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		return nil, err
	}
	b := pem.EncodeToMemory(block)
	s, err := ssh.ParsePrivateKey(b)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(name+".pub", ssh.MarshalAuthorizedKey(s.PublicKey()), 0o644); err != nil {
		return nil, err
	}
	return b, os.WriteFile(name, b, 0o600)
}

// Extensions by which authenticate tells the sessions what the key may do.
const (
	forcedCommand  = "pileus-command"
	noForwarding   = "pileus-no-port-forwarding"
	noAgent        = "pileus-no-agent-forwarding"
	noTerminal     = "pileus-no-pty"
	authorizedKeys = ".ssh/authorized_keys"
)

func (s *sshServer) authenticate(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
	a, err := findAccount(c.User())
	if err != nil || strings.HasSuffix(a.shell, "nologin") || strings.HasSuffix(a.shell, "/false") {
		return nil, errors.New("no such user")
	}
	kept, err := os.ReadFile(filepath.Join(a.home, authorizedKeys))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if p := permitted(kept, key); p != nil {
		return p, nil
	}
	ctx, stop := context.WithTimeout(context.Background(), metadataLimit)
	defer stop()
	meta := newMetadata(s.m.clock)
	defer meta.close()
	if pushed, err := meta.pushed(ctx, c.User()); err == nil {
		if p := permitted([]byte(pushed), key); p != nil {
			return p, nil
		}
	}
	return nil, errors.New("the key is not authorized")
}

// permitted is what a key may do, by lines of authorized_keys; nil where none
// has it.
func permitted(rest []byte, key ssh.PublicKey) *ssh.Permissions {
	want := key.Marshal()
	for len(rest) > 0 {
		var k ssh.PublicKey
		var options []string
		var err error
		if k, _, options, rest, err = ssh.ParseAuthorizedKey(rest); err != nil {
			break
		}
		if !bytes.Equal(k.Marshal(), want) {
			continue
		}
		p := &ssh.Permissions{Extensions: map[string]string{}}
		for _, o := range options {
			name, value, _ := strings.Cut(o, "=")
			switch strings.ToLower(name) {
			case "command":
				p.Extensions[forcedCommand] = strings.ReplaceAll(strings.Trim(value, `"`), `\"`, `"`)
			case "no-port-forwarding":
				p.Extensions[noForwarding] = "yes"
			case "no-agent-forwarding":
				p.Extensions[noAgent] = "yes"
			case "restrict":
				p.Extensions[noForwarding], p.Extensions[noAgent] = "yes", "yes"
			case "no-pty":
				p.Extensions[noTerminal] = "yes"
			}
		}
		return p
	}
	return nil
}

func (s *sshServer) serve() {
	go func() {
		<-s.m.ending
		s.listener.Close()
	}()
	for {
		c, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			s.m.clock.Wait(context.Background(), farewell/100)
			continue
		}
		go s.connection(c)
	}
}

func (s *sshServer) connection(c net.Conn) {
	defer c.Close()
	// Whoever connects has this long to show a key.
	c.SetDeadline(s.m.clock.Machine().Add(loginLimit))
	conn, channels, requests, err := ssh.NewServerConn(c, s.config)
	if err != nil {
		return
	}
	defer conn.Close()
	c.SetDeadline(noDeadline)
	a, err := findAccount(conn.User())
	if err != nil {
		return
	}
	l := &login{s: s, conn: conn, account: a, forwards: map[string]net.Listener{}}
	defer l.close()
	go l.requests(requests)
	for ch := range channels {
		switch ch.ChannelType() {
		case "session":
			go l.session(ch)
		case "direct-tcpip":
			go l.forward(ch)
		default:
			ch.Reject(ssh.UnknownChannelType, "not supported")
		}
	}
}
