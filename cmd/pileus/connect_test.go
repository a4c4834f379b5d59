package main

import (
	"io"
	"net"
	"strings"
	"testing"
)

// TestConnect reaches nothing where networks are simulated, and says why.
func TestConnect(t *testing.T) {
	m := newMachine(t)
	p := m.up("--ephemeral", "--plane", "sim")
	for to, want := range map[string]string{
		"198.18.0.7:80": "simulated", "127.0.0.1:80": "no public address of the cloud", "nobody.example:80": "nobody answers there", "198.18.0.7": "missing port",
	} {
		if got := m.refuses("--endpoint", p.endpoint, "connect", to); !strings.Contains(got, want) {
			t.Errorf("connect %s: %q, want something with %q", to, got, want)
		}
	}
}

// TestAskProxy speaks with a proxy that answers as it is told.
func TestAskProxy(t *testing.T) {
	for answer, want := range map[byte]string{0: "", 5: "nobody listens", 9: "answers 9"} {
		ours, theirs := net.Pipe()
		asked := make(chan []byte, 1)
		go func() {
			b := make([]byte, 7+1+len("web.example")+2)
			io.ReadFull(theirs, b)
			asked <- b
			theirs.Write([]byte{5, 0, 5, answer, 0, 1, 0, 0, 0, 0, 0, 0})
		}()
		err := askProxy(ours, "web.example:80")
		if got := string(<-asked); !strings.HasSuffix(got, "\x0bweb.example\x00P") {
			t.Errorf("asked %q", got)
		}
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("answer %d: %v, want %q", answer, err, want)
		}
		ours.Close()
	}
}
