//go:build linux

package machine

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

func keyPair(t *testing.T, kind string) (ssh.Signer, string) {
	t.Helper()
	var key any
	var err error
	if kind == "rsa" {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		_, key, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.PublicKey())))
}

func keyMetadata(key string) map[string]string {
	return map[string]string{"meta-data/public-keys/": "0=mykey", "meta-data/public-keys/0/openssh-key": key}
}

func (w *world) login(id, user string, key ssh.Signer) (*ssh.Client, error) {
	var c net.Conn
	w.until("the SSH server listens", func() bool {
		var err error
		c, err = w.dial(id, "10.0.0.5:22")
		return err == nil
	})
	conn, channels, requests, err := ssh.NewClientConn(c, "10.0.0.5:22", &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		return nil, err
	}
	return ssh.NewClient(conn, channels, requests), nil
}

// TestSSH logs in with both kinds of keys that EC2 makes.
func TestSSH(t *testing.T) {
	for _, kind := range []string{"rsa", "ed25519"} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t)
			key, public := keyPair(t, kind)
			w.boot("i-1", keyMetadata(public))
			c, err := w.login("i-1", "ec2-user", key)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			exec := func(command, stdin string) (string, error) {
				s, err := c.NewSession()
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				s.Stdin = strings.NewReader(stdin)
				out, err := s.CombinedOutput(command)
				return string(out), err
			}
			for _, test := range []struct{ command, stdin, want string }{
				{"whoami; pwd", "", "ec2-user\n/home/ec2-user\n"},
				{"sudo whoami", "", "root\n"},
				{"sudo sh -c 'echo $SUDO_USER; cat'", "typed", "ec2-user\ntyped"},
				{"sudo -u nobody id -un", "", "nobody\n"},
				{"cat", "from here", "from here"},
				{"echo $AWS_REGION", "", "us-east-1\n"},
				{"id -Gn", "", "ec2-user adm wheel\n"},
			} {
				if out, err := exec(test.command, test.stdin); err != nil || out != test.want {
					t.Errorf("%s: %q, %v", test.command, out, err)
				}
			}
			for command, want := range map[string]int{"exit 7": 7, "sudo false": 1, "sudo sh -c 'exit 9'": 9, "cat /etc/shadow": 1, "nosuchcommand": 127} {
				_, err := exec(command, "")
				var status *ssh.ExitError
				if e, ok := err.(*ssh.ExitError); ok {
					status = e
				}
				if status == nil || status.ExitStatus() != want {
					t.Errorf("%s: %v, want status %d", command, err, want)
				}
			}
			background(t, exec)
			terminal(t, c)
			hangUp(t, w, c, exec)
			files(t, c)
			forwarded(t, c)
			strangers(t, w)
		})
	}
}

// background leaves a program running behind a command that has ended.
func background(t *testing.T, exec func(command, stdin string) (string, error)) {
	pid, err := exec("sleep 1000 >/dev/null 2>&1 & echo $!", "")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec("kill "+pid, ""); err != nil {
		t.Errorf("the program has not outlived its session: %s, %v", out, err)
	}
}

// hangUp ends a session under a shell and its job, which end with the terminal;
// what nohup has started does not, and nothing in the background does when the
// user logs out.
func hangUp(t *testing.T, w *world, c *ssh.Client, exec func(command, stdin string) (string, error)) {
	for _, test := range []struct {
		end     string // what is typed last
		outlive int    // the shell, its job, and that of nohup: how many of the last
	}{{"", 1}, {"exit\r", 2}} {
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.RequestPty("xterm", 24, 80, ssh.TerminalModes{}); err != nil {
			t.Fatal(err)
		}
		in, err := s.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := s.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Shell(); err != nil {
			t.Fatal(err)
		}
		io.WriteString(in, "sleep 1000 & job=$!; nohup sleep 1000 >/dev/null 2>&1 & echo up: $$ $job $! :up\r")
		pids := said(t, out, regexp.MustCompile(`up: (\d+) (\d+) (\d+) :up`))
		alive := func(pid string) bool {
			_, err := exec("kill -0 "+pid+" 2>/dev/null", "")
			return err == nil
		}
		w.until("nohup has started its program", func() bool {
			_, err := exec("grep -q ^sleep /proc/"+pids[2]+"/cmdline", "")
			return err == nil
		})
		if test.end != "" {
			io.WriteString(in, test.end)
			s.Wait()
		}
		s.Close()
		for _, pid := range pids[:3-test.outlive] {
			w.until("what had the terminal ends", func() bool { return !alive(pid) })
		}
		for _, pid := range pids[3-test.outlive:] {
			if !alive(pid) {
				t.Errorf("after %q: of %v, %s is gone", test.end, pids, pid)
			}
			exec("kill "+pid, "")
		}
	}
}

// said reads until something has been said, and returns its parts.
func said(t *testing.T, from io.Reader, what *regexp.Regexp) []string {
	var all []byte
	for b := make([]byte, 1024); ; {
		n, err := from.Read(b)
		all = append(all, b[:n]...)
		if m := what.FindStringSubmatch(string(all)); m != nil {
			return m[1:]
		}
		if err != nil {
			t.Fatalf("%v; said: %q", err, all)
		}
	}
}

// terminal types into a shell.
func terminal(t *testing.T, c *ssh.Client) {
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.RequestPty("xterm", 24, 80, ssh.TerminalModes{}); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	s.Stdout = &out
	in, err := s.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Shell(); err != nil {
		t.Fatal(err)
	}
	io.WriteString(in, "echo $((40+2)) $TERM\rfor i in a b; do\recho loop $i\rdone\rsudo -i\rwhoami\rexit\rexit 5\r")
	err = s.Wait()
	if e, ok := err.(*ssh.ExitError); !ok || e.ExitStatus() != 5 {
		t.Errorf("the shell ended with %v\n%s", err, out.String())
	}
	for _, want := range []string{"42 xterm", "loop a", "loop b", "[ec2-user@ip-10-0-0-5 ~]$ ", "root\r\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the terminal does not show %q:\n%q", want, out.String())
		}
	}
}

// files copies there and back.
func files(t *testing.T, c *ssh.Client) {
	f, err := sftp.NewClient(c)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := f.Create("/home/ec2-user/up")
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte("pileus"), 100_000)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	w.Close()
	r, err := f.Open("up")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
		t.Errorf("read back %d bytes, %v", len(got), err)
	}
	if _, err := f.Create("/root/not-allowed"); err == nil {
		t.Error("wrote as root")
	}
}

// forwarded reaches a port of the machine through the connection, and is
// reached from there.
func forwarded(t *testing.T, c *ssh.Client) {
	conn, err := c.Dial("tcp", "127.0.0.1:22")
	if err != nil {
		t.Fatal(err)
	}
	hello := make([]byte, 8)
	if _, err := io.ReadFull(conn, hello); err != nil || string(hello) != "SSH-2.0-" {
		t.Errorf("through the tunnel: %q %v", hello, err)
	}
	conn.Close()
	l, err := c.Listen("tcp", "127.0.0.1:8022")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if there, err := l.Accept(); err == nil {
			io.WriteString(there, "from the client\n")
			there.Close()
		}
	}()
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if out, err := s.CombinedOutput("nc 127.0.0.1 8022 < /dev/null"); err != nil || string(out) != "from the client\n" {
		t.Errorf("the other way: %q %v", out, err)
	}
}

// strangers tries what must not open the machine.
func strangers(t *testing.T, w *world) {
	stranger, _ := keyPair(t, "ed25519")
	for _, user := range []string{"ec2-user", "root", "nobody", "nosuchuser"} {
		if c, err := w.login("i-1", user, stranger); err == nil {
			c.Close()
			t.Errorf("a strange key opens %s", user)
		}
	}
}

// TestSSHRoot holds root's login to what Amazon's images say.
func TestSSHRoot(t *testing.T) {
	w := newWorld(t)
	key, public := keyPair(t, "ed25519")
	w.boot("i-1", keyMetadata(public))
	c, err := w.login("i-1", "root", key)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start("whoami"); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 200)
	n, _ := out.Read(line)
	if want := `Please login as the user "ec2-user" rather than the user "root".`; !strings.HasPrefix(string(line[:n]), want) {
		t.Errorf("root is told %q", line[:n])
	}
	if _, err := os.Stat("/home/ec2-user/up"); err == nil {
		t.Error("a file of the machine is on the host")
	}
}
