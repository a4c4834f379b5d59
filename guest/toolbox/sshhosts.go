//go:build linux

package toolbox

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
	"golang.org/x/term"
)

const errHostKey = said("Host key verification failed.")

// hostKeys decides whether the other end is who it was: by the file of known
// hosts, and where that does not know it by asking whoever sits there.
func (c *call) hostKeys(t *sshTarget) ssh.HostKeyCallback {
	return func(host string, remote net.Addr, key ssh.PublicKey) error {
		var known *knownhosts.KeyError
		err := errors.ErrUnsupported
		if check, opened := knownhosts.New(t.known); opened == nil {
			err = check(host, remote, key)
		}
		switch {
		case err == nil:
			return nil
		case errors.As(err, &known) && len(known.Want) > 0 && t.strict != "no":
			fmt.Fprintf(c.errors, "WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!\nThe %s key sent by the remote host is\n%s.\nRemove the line of %s from %s to get rid of this message.\n",
				key.Type(), ssh.FingerprintSHA256(key), t.host, t.known)
			return errHostKey
		case t.strict == "yes" || t.strict == "ask" && !c.trusts(t.host, key):
			return errHostKey
		}
		fmt.Fprintf(c.errors, "Warning: Permanently added '%s' (%s) to the list of known hosts.\n", t.host, key.Type())
		c.remember(t.known, host, key)
		return nil
	}
}

// trusts asks at the terminal. Without one the answer is no.
func (c *call) trusts(host string, key ssh.PublicKey) bool {
	if !term.IsTerminal(0) {
		return false
	}
	fmt.Fprintf(c.errors, "The authenticity of host '%s' can't be established.\n%s key fingerprint is %s.\nAre you sure you want to continue connecting (yes/no)? ", host, key.Type(), ssh.FingerprintSHA256(key))
	// One line and no more of the input: the rest is for the other side.
	answer, _ := bufio.NewReaderSize(c.in, 16).ReadString('\n')
	return strings.TrimSpace(answer) == "yes"
}

// remember writes a host's key down. Who cannot is asked again the next time.
func (c *call) remember(file, host string, key ssh.PublicKey) {
	err := os.MkdirAll(filepath.Dir(file), 0o700)
	if err == nil {
		var f *os.File
		if f, err = os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err == nil {
			_, err = fmt.Fprintln(f, knownhosts.Line([]string{knownhosts.Normalize(host)}, key))
			err = errors.Join(err, f.Close())
		}
	}
	if err != nil {
		fmt.Fprintf(c.errors, "Failed to add the host to the list of known hosts (%s).\n", file)
	}
}
