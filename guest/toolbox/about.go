//go:build linux

package toolbox

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"pileus/clock"
)

// cloudInit tells whether the first boot's work is done: the first process then
// writes down the machine's id.
func cloudInit(c *call) error {
	if len(c.args) == 0 || c.args[0] != "status" {
		return usage("the built-in image's cloud-init has: status [--wait]")
	}
	c.args = c.args[1:]
	p, err := c.parse(options{letters: "wl", long: map[string]string{"wait": "w", "long": "l"}}, false)
	if err != nil {
		return err
	}
	for {
		done, err := os.ReadFile("/var/lib/cloud/data/instance-id")
		// An image made from a machine holds that machine's id.
		if m, unknown := machine(); err == nil && (unknown != nil || strings.TrimSpace(string(done)) == m.ID) {
			c.printf("status: done\n")
			return nil
		}
		if err != nil && !os.IsNotExist(err) {
			return err
		}
		if !p.has("w") {
			c.printf("status: running\n")
			return nil
		}
		if err := clock.New().Wait(c.ctx, 250*time.Millisecond); err != nil {
			return err
		}
	}
}

// journalctl shows the log that the first process keeps of a service.
func journalctl(c *call) error {
	p, err := c.parse(options{letters: "u:n:fxeb", long: map[string]string{"unit": "u:", "lines": "n:", "follow": "f", "no-pager": "x", "pager-end": "e", "boot": "b"}}, false)
	if err != nil {
		return err
	}
	unit := strings.TrimSuffix(p.value("u"), ".service")
	if unit == "" || strings.Contains(unit, "/") {
		return said("the built-in image keeps a log of each service, not one of all: journalctl -u NAME, or read /var/log")
	}
	name := filepath.Join("/var/log", unit+".log")
	if _, err := os.Stat(name); os.IsNotExist(err) {
		c.printf("-- No entries --\n")
		return nil
	}
	q := *c
	q.args = []string{"-n", "+1"}
	if p.has("n") {
		q.args = []string{"-n", p.value("n")}
	}
	if p.has("f") {
		q.args = append(q.args, "-f")
	}
	q.args = append(q.args, name)
	err = tail(&q)
	c.status = q.status
	return err
}

func hostnamectl(c *call) error {
	q := *c
	q.args = nil
	switch {
	case len(c.args) == 2 && (c.args[0] == "set-hostname" || c.args[0] == "hostname"):
		q.args = c.args[1:]
		return hostname(&q)
	case len(c.args) == 1 && c.args[0] == "hostname":
		return hostname(&q)
	case len(c.args) > 0 && c.args[0] != "status":
		return usage("the built-in image's hostnamectl has: status, hostname, set-hostname NAME")
	}
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	c.printf(" Static hostname: %s\n          Kernel: Linux %s    Architecture: %s\n", name, kernel, strings.NewReplacer("amd64", "x86-64").Replace(runtime.GOARCH))
	return nil
}

func lscpu(c *call) error {
	if _, err := c.parse(options{}, false); err != nil {
		return err
	}
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return err
	}
	n := runtime.NumCPU()
	if m, err := machine(); err == nil {
		n = m.VCPUs
	}
	arch := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	c.printf("%-21s%s\n%-21s%d\n", "Architecture:", arch, "CPU(s):", n)
	seen := map[string]bool{}
	names := map[string]string{"vendor_id": "Vendor ID", "model name": "Model name", "cpu family": "CPU family", "model": "Model", "stepping": "Stepping", "flags": "Flags"}
	for line := range strings.Lines(string(b)) {
		key, value, _ := strings.Cut(line, ":")
		key = strings.TrimSpace(key)
		if name := names[key]; name != "" && !seen[key] {
			seen[key] = true
			c.printf("%-21s%s\n", name+":", strings.TrimSpace(value))
		}
	}
	return nil
}

// metadataOptions are the letters of ec2-metadata in the order of --all.
var metadataOptions = [][2]string{
	{"a", "ami-id"}, {"l", "ami-launch-index"}, {"m", "ami-manifest-path"}, {"i", "instance-id"}, {"t", "instance-type"}, {"h", "local-hostname"},
	{"o", "local-ipv4"}, {"z", "placement/availability-zone"}, {"R", "placement/region"}, {"p", "public-hostname"}, {"v", "public-ipv4"}, {"u", "public-keys/"}, {"r", "reservation-id"}, {"s", "security-groups"}, {"d", "user-data"},
}

// ec2Metadata asks the metadata service, with a token.
func ec2Metadata(c *call) error {
	o := options{long: map[string]string{}}
	for _, m := range metadataOptions {
		o.letters += m[0]
		o.long[lastName(m[1])] = m[0]
	}
	p, err := c.parse(o, false)
	if err != nil {
		return err
	}
	m := &instanceMetadata{ctx: c.ctx}
	for _, option := range metadataOptions {
		if len(p.set) > 0 && !p.has(option[0]) {
			continue
		}
		path := "meta-data/" + option[1]
		if option[0] == "d" {
			path = "user-data"
		}
		text := m.get(path)
		if m.err != nil && m.token == "" {
			return fmt.Errorf("the metadata service does not answer: %w", m.err)
		}
		if m.err != nil {
			text, m.err = "not available", nil
		}
		if _, err := io.WriteString(c.out, lastName(option[1])+": "+text+"\n"); err != nil {
			return err
		}
	}
	return nil
}
