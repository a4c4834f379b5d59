package guest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"pileus/guest/toolbox"
	"pileus/plane"
)

// resolver is the address at which the cloud answers DNS in every network.
const resolver = "169.254.169.253"

// identify gives the machine its name, its resolver and its trust.
func (m *machine) identify() error {
	host := cmp.Or(m.spec.Hostname, "localhost")
	if err := unix.Sethostname([]byte(host)); err != nil {
		return err
	}
	if err := loopbackUp(); err != nil {
		return err
	}
	short, domain, _ := strings.Cut(host, ".")
	names := host
	if short != host {
		names += " " + short
	}
	for _, f := range []struct{ name, text string }{
		{"/etc/hostname", host + "\n"},
		{"/etc/hosts", "127.0.0.1 localhost localhost.localdomain\n::1 localhost\n127.0.1.1 " + names + "\n"},
		{"/etc/resolv.conf", m.resolv(domain)},
		{"/etc/profile.d/pileus.sh", m.exports()},
	} {
		if err := replaceFile(f.name, f.text, 0o644); err != nil {
			return err
		}
	}
	if err := m.describe(); err != nil {
		return err
	}
	if err := m.trust(); err != nil {
		return err
	}
	if m.spec.Kind != string(plane.BuiltIn) {
		if err := m.addTools(); err != nil {
			return err
		}
	}
	return m.ensureUser()
}

// resolv is /etc/resolv.conf as the network's DHCP options have it.
func (m *machine) resolv(domain string) string {
	servers, search := m.spec.Nameservers, m.spec.Search
	if len(servers) == 0 {
		servers = []string{resolver}
	}
	if len(search) == 0 && domain != "" {
		search = []string{domain}
	}
	var b strings.Builder
	if len(search) > 0 {
		fmt.Fprintf(&b, "search %s\n", strings.Join(search, " "))
	}
	for _, s := range servers {
		fmt.Fprintf(&b, "nameserver %s\n", s)
	}
	b.WriteString("options timeout:2 attempts:2\n")
	return b.String()
}

// describe tells the tools what the kernel would tell of the host instead.
func (m *machine) describe() error {
	if err := os.MkdirAll(filepath.Dir(toolbox.MachineFile), 0o755); err != nil {
		return err
	}
	b, err := json.Marshal(toolbox.Machine{ID: m.spec.ID, VCPUs: m.spec.VCPUs, MemoryMiB: m.spec.MemoryMiB})
	if err != nil {
		return err
	}
	return os.WriteFile(toolbox.MachineFile, b, 0o644)
}

// replaceFile writes a file; a link in its place, which may lead anywhere, is
// removed.
func replaceFile(name, text string, mode os.FileMode) error {
	if old, err := os.ReadFile(name); err == nil && string(old) == text {
		return nil
	}
	if i, err := os.Lstat(name); err == nil && !i.Mode().IsRegular() {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(text), mode)
}

// exports is the environment as a login shell reads it.
func (m *machine) exports() string {
	var b strings.Builder
	for _, e := range m.spec.Environment {
		name, value, _ := strings.Cut(e, "=")
		fmt.Fprintf(&b, "export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
	}
	return b.String()
}

// bundles are where systems keep the authorities that they trust.
var bundles = []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"}

// trust adds the cloud's authority to those that are there.
func (m *machine) trust() error {
	if len(m.spec.Authority) == 0 {
		return nil
	}
	// Where the system's own tool finds it when it makes the bundles anew.
	if err := replaceFile("/usr/local/share/ca-certificates/pileus.crt", string(m.spec.Authority), 0o644); err != nil {
		return err
	}
	for _, name := range bundles {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // this system keeps them elsewhere
		}
		if bytes.Contains(b, bytes.TrimSpace(m.spec.Authority)) {
			continue
		}
		if len(b) > 0 && b[len(b)-1] != '\n' {
			b = append(b, '\n')
		}
		if err := os.WriteFile(name, append(b, m.spec.Authority...), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// addTools gives a system that is not ours the tools that talk to the first
// process, before those of its own that would look for another one.
func (m *machine) addTools() error {
	replaced := map[string]bool{"systemctl": true, "service": true, "shutdown": true, "poweroff": true, "halt": true, "reboot": true}
	for _, name := range []string{"systemctl", "service", "shutdown", "poweroff", "halt", "reboot", "sudo"} {
		if !replaced[name] && exists("/usr/bin/"+name) {
			continue
		}
		link := "/usr/local/sbin/" + name
		if !replaced[name] {
			link = "/usr/local/bin/" + name
		}
		if exists(link) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			return err
		}
		if err := os.Symlink(Program, link); err != nil && !os.IsExist(err) {
			return err
		}
	}
	return nil
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// loopbackUp brings the loopback interface up.
func loopbackUp() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	r, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, r); err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	return nil
}
