//go:build linux

package machine

import (
	"crypto/ed25519"
	"crypto/rand"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// TestBastion goes on from one machine with the keys of the client's agent, by
// the machine's own ssh: here back to itself.
func TestBastion(t *testing.T) {
	w := newWorld(t)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	w.boot("i-1", keyMetadata(strings.TrimSpace(string(ssh.MarshalAuthorizedKey(shown)))))
	c, err := w.login("i-1", "ec2-user", key)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	keys := agent.NewKeyring()
	if err := keys.Add(agent.AddedKey{PrivateKey: private}); err != nil {
		t.Fatal(err)
	}
	if err := agent.ForwardToAgent(c, keys); err != nil {
		t.Fatal(err)
	}
	const hop = "ssh -o StrictHostKeyChecking=accept-new "
	for _, step := range []struct {
		what, command string
		agent         bool
		out           string
		status        int
	}{
		{"an unknown host", "ssh 127.0.0.1 true", true, "Host key verification failed.\n", 255},
		{"no agent", hop + "127.0.0.1 true 2>&1 | tail -n 1", false, "ec2-user@127.0.0.1: Permission denied (publickey).\n", 0},
		{"the agent", hop + "127.0.0.1 'whoami; echo $SSH_AUTH_SOCK; exit 7'", true, "ec2-user\n\n", 7},
		{"and on", hop + "-A ec2-user@127.0.0.1 " + hop + "127.0.0.1 whoami", true, "ec2-user\n", 0},
		{"input", "echo hello | " + hop + "127.0.0.1 cat", true, "hello\n", 0},
		{"nobody there", "ssh -p 1 127.0.0.1", true, "ssh: connect to host 127.0.0.1 port 1: Connection refused\n", 255},
		{"others do not reach it", `sudo stat -c '%a %U' $(dirname $SSH_AUTH_SOCK)`, true, "700 ec2-user\n", 0},
		{"everybody may ping", "ping -c 1 127.0.0.1 | tail -n 1", false, "1 packets transmitted, 1 received, 0% packet loss\n", 0},
	} {
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if step.agent {
			if err := agent.RequestAgentForwarding(s); err != nil {
				t.Errorf("%s: %v", step.what, err)
			}
		}
		out, err := s.CombinedOutput(step.command)
		status := 0
		if e, ok := err.(*ssh.ExitError); ok {
			status = e.ExitStatus()
		} else if err != nil {
			t.Errorf("%s: %v", step.what, err)
		}
		if string(out) != step.out || status != step.status {
			t.Errorf("%s: %s: %q, status %d; want %q, status %d", step.what, step.command, out, status, step.out, step.status)
		}
	}
	left, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := left.CombinedOutput("ls -d /tmp/ssh-* 2>/dev/null"); err == nil {
		t.Errorf("sockets are left: %s", out)
	}
}
