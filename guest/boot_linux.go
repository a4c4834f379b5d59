package guest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// Folders of what is done once for each machine, not for each boot; they are on
// the root volume, so that a machine made of another one's image begins anew.
const (
	cloudFolder = "/var/lib/cloud"
	doneFile    = cloudFolder + "/data/instance-id"
	outputLog   = "/var/log/cloud-init-output.log"
)

// boot asks the metadata service who the machine is for, opens it to them and
// runs its user data on its first boot.
func (m *machine) boot(ctx context.Context) {
	allowEchoes()
	meta := newMetadata(m.clock)
	defer meta.close()
	done, _ := os.ReadFile(doneFile)
	first := strings.TrimSpace(string(done)) != m.spec.ID
	if !first {
		m.serveSSH(first)
		return
	}
	err := meta.connect(ctx)
	silent := err != nil
	if silent {
		m.console.printf("pileus: the metadata service does not answer: %v\n", err)
		m.serveSSH(first) // an image of another machine lets its keys in
		if errors.Is(err, errSilent) {
			err = meta.reconnect(ctx)
		}
	}
	if err != nil || ctx.Err() != nil {
		return
	}
	if err := m.openToKeys(ctx, meta); err != nil {
		m.console.printf("pileus: the key pair: %v\n", err)
	}
	if !silent {
		m.serveSSH(first)
	}
	data, err := meta.get(ctx, "user-data")
	switch {
	case errors.Is(err, errAbsent):
	case err != nil:
		m.console.printf("pileus: user data: %v\n", err)
		return
	default:
		m.runUserData(ctx, []byte(data))
	}
	if ctx.Err() != nil {
		return // it did not come to its end and is tried again
	}
	if err := m.markDone(); err != nil {
		m.console.printf("pileus: %v\n", err)
	}
}

// allowEchoes lets every user ping, as the images of distributions do. In a
// user namespace the kernel only takes groups that exist there.
func allowEchoes() {
	for _, groups := range []string{"0 2147483647", "0 65535", "0 0"} {
		if os.WriteFile("/proc/sys/net/ipv4/ping_group_range", []byte(groups), 0) == nil {
			return
		}
	}
}

// serveSSH starts the SSH server, or says why there is none.
func (m *machine) serveSSH(first bool) {
	if err := m.startSSH(first); err != nil {
		m.console.printf("pileus: ssh: %v\n", err)
	}
}

func (m *machine) markDone() error {
	if err := os.MkdirAll(filepath.Dir(doneFile), 0o755); err != nil {
		return err
	}
	return os.WriteFile(doneFile, []byte(m.spec.ID+"\n"), 0o644)
}

// openToKeys lets the key pair in as the user; root is told to be that user, as
// Amazon's images do.
func (m *machine) openToKeys(ctx context.Context, meta *metadata) error {
	keys, err := meta.keys(ctx)
	if err != nil || len(keys) == 0 {
		return err
	}
	user := m.spec.User
	if user == "" {
		user = "root"
	}
	return m.openTo(user, keys)
}

func (m *machine) openTo(user string, keys []string) error {
	a, err := findAccount(user)
	if err != nil {
		return err
	}
	if err := authorize(a, keys, ""); err != nil {
		return err
	}
	if a.uid == 0 {
		return nil
	}
	root, err := findAccount("root")
	if err != nil {
		return err
	}
	return authorize(root, keys, `no-port-forwarding,no-agent-forwarding,command="echo 'Please login as the user \"`+user+`\" rather than the user \"root\".';echo;sleep 10" `)
}
