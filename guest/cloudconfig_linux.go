package guest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/klauspost/compress/gzip"
	"golang.org/x/sys/unix"
)

// cloudConfig is user data that says what a machine should be like.
// https://cloudinit.readthedocs.io/en/latest/reference/modules.html
type cloudConfig struct {
	Hostname          string      `yaml:"hostname"`
	FQDN              string      `yaml:"fqdn"`
	ManageEtcHosts    any         `yaml:"manage_etc_hosts"`
	Users             []any       `yaml:"users"`
	Groups            any         `yaml:"groups"`
	SSHAuthorizedKeys []string    `yaml:"ssh_authorized_keys"`
	WriteFiles        []writeFile `yaml:"write_files"`
	BootCommands      []any       `yaml:"bootcmd"`
	RunCommands       []any       `yaml:"runcmd"`
	Packages          []any       `yaml:"packages"`
	PackageUpdate     bool        `yaml:"package_update"`
	PackageUpgrade    bool        `yaml:"package_upgrade"`
	FinalMessage      string      `yaml:"final_message"`
	Timezone          string      `yaml:"timezone"`
	Mounts            [][]string  `yaml:"mounts"`

	others []string // keys that are not acted upon
}

type writeFile struct {
	Path        string `yaml:"path"`
	Content     string `yaml:"content"`
	Encoding    string `yaml:"encoding"`
	Owner       string `yaml:"owner"`
	Permissions any    `yaml:"permissions"`
	Append      bool   `yaml:"append"`
	Defer       bool   `yaml:"defer"`
}

func parseCloudConfig(text []byte) (*cloudConfig, error) {
	c := &cloudConfig{}
	if err := yaml.Unmarshal(text, c); err != nil {
		return nil, err
	}
	all := map[string]any{}
	if err := yaml.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	known := []string{
		"hostname", "fqdn", "manage_etc_hosts", "preserve_hostname", "users", "groups", "ssh_authorized_keys", "write_files", "bootcmd", "runcmd",
		"packages", "package_update", "package_upgrade", "final_message", "timezone", "mounts", "repo_update", "repo_upgrade", "output",
	}
	for _, k := range slices.Sorted(maps.Keys(all)) {
		if !slices.Contains(known, k) {
			c.others = append(c.others, k)
		}
	}
	return c, nil
}

// configure does what a configuration says, up to the scripts.
func (r *runner) configure(c *cloudConfig) {
	for _, k := range c.others {
		r.printf("cloud-config: %q is not supported and has no effect", k)
	}
	r.each("bootcmd", c.BootCommands)
	steps := []struct {
		name string
		do   func(*cloudConfig) error
	}{
		{"hostname", r.hostname}, {"write_files", func(c *cloudConfig) error { return writeFiles(c, false) }}, {"mounts", r.mounts}, {"groups", groups}, {"users", r.users},
		{"ssh_authorized_keys", r.authorizedKeys}, {"timezone", timezone}, {"packages", r.packages},
		{"write_files", func(c *cloudConfig) error { return writeFiles(c, true) }},
	}
	for _, s := range steps {
		if err := s.do(c); err != nil {
			r.printf("cloud-config: %s: %v", s.name, err)
		}
	}
	r.each("runcmd", c.RunCommands)
}

// each runs commands, which are lines for the shell or lists of arguments.
func (r *runner) each(name string, commands []any) {
	for _, c := range commands {
		var args []string
		switch v := c.(type) {
		case string:
			args = []string{"/bin/sh", "-c", v}
		case []any:
			for _, a := range v {
				args = append(args, fmt.Sprint(a))
			}
		default:
			args = []string{"/bin/sh", "-c", fmt.Sprint(v)}
		}
		if len(args) == 0 {
			continue
		}
		exit, err := r.command(args...)
		if err != nil {
			r.printf("cloud-config: %s: %v", name, err)
		} else if exit != 0 {
			r.printf("cloud-config: %s: %s: exit status %d", name, strings.Join(args, " "), exit)
		}
	}
}

func (r *runner) hostname(c *cloudConfig) error {
	name := c.FQDN
	if name == "" {
		name = c.Hostname
	}
	if name == "" {
		return nil
	}
	if err := unix.Sethostname([]byte(name)); err != nil {
		return err
	}
	if err := replaceFile("/etc/hostname", name+"\n", 0o644); err != nil {
		return err
	}
	return appendLine("/etc/hosts", "127.0.1.1 "+name+"\n", 0o644)
}

func writeFiles(c *cloudConfig, late bool) error {
	for _, f := range c.WriteFiles {
		if f.Defer != late {
			continue
		}
		if err := f.write(); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	return nil
}

func (f writeFile) write() error {
	text, err := f.decode()
	if err != nil {
		return err
	}
	mode := uint64(0o644)
	if f.Permissions != nil {
		if mode, err = permissions(f.Permissions); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o755); err != nil {
		return err
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if f.Append {
		flags = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	out, err := os.OpenFile(f.Path, flags, os.FileMode(mode&0o777))
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := out.Write(text); err != nil {
		return err
	}
	if err := unix.Fchmod(int(out.Fd()), uint32(mode)); err != nil {
		return err
	}
	if f.Owner == "" {
		return nil
	}
	user, group, _ := strings.Cut(f.Owner, ":")
	a, err := findAccount(user)
	if err != nil {
		return err
	}
	gid := a.gid
	if group != "" {
		if gid, err = findGroup(group); err != nil {
			return err
		}
	}
	return out.Chown(int(a.uid), int(gid))
}

// permissions are octal, as text or as a number that YAML has read already.
func permissions(v any) (uint64, error) {
	switch p := v.(type) {
	case string:
		return strconv.ParseUint(strings.TrimPrefix(p, "0o"), 8, 16)
	case uint64:
		return p, nil
	}
	return 0, fmt.Errorf("permissions %v are not octal", v)
}

func (f writeFile) decode() ([]byte, error) {
	text := []byte(f.Content)
	encoding := strings.ToLower(f.Encoding)
	if strings.Contains(encoding, "b64") || strings.Contains(encoding, "base64") {
		b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(f.Content), ""))
		if err != nil {
			return nil, err
		}
		text = b
	}
	if strings.Contains(encoding, "gz") {
		g, err := gzip.NewReader(bytes.NewReader(text))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(io.LimitReader(g, userDataLimit))
	}
	return text, nil
}

func findGroup(name string) (uint32, error) {
	b, err := os.ReadFile("/etc/group")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) >= 3 && (f[0] == name || f[2] == name) {
			n, err := strconv.ParseUint(f[2], 10, 32)
			return uint32(n), err
		}
	}
	return 0, fmt.Errorf("there is no group %q", name)
}

// groups makes groups: a list of names, or of names with their members.
func groups(c *cloudConfig) error {
	var list []any
	switch v := c.Groups.(type) {
	case []any:
		list = v
	case string:
		for s := range strings.SplitSeq(v, ",") {
			list = append(list, strings.TrimSpace(s))
		}
	}
	for _, g := range list {
		members := map[string]any{}
		switch v := g.(type) {
		case string:
			members[v] = nil
		case map[string]any:
			members = v
		}
		for name, users := range members {
			if _, err := findGroup(name); err != nil {
				if err := appendLine("/etc/group", fmt.Sprintf("%s:x:%d:\n", name, freeID(false)), 0o644); err != nil {
					return err
				}
			}
			for _, u := range words(users) {
				if err := joinGroup(u, name); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// words reads what may be a list or text with commas.
func words(v any) (list []string) {
	switch w := v.(type) {
	case string:
		for s := range strings.SplitSeq(w, ",") {
			if s = strings.TrimSpace(s); s != "" {
				list = append(list, s)
			}
		}
	case []any:
		for _, s := range w {
			list = append(list, fmt.Sprint(s))
		}
	}
	return list
}

func (r *runner) users(c *cloudConfig) error {
	for _, v := range c.Users {
		fields, ok := v.(map[string]any)
		if !ok {
			continue // "default" is there already
		}
		text := func(key string) string {
			if s, ok := fields[key].(string); ok {
				return s
			}
			return ""
		}
		name := text("name")
		a, err := addUser(newUser{
			name: name, home: text("homedir"), shell: text("shell"), comment: text("gecos"),
			groups: append(words(fields["groups"]), words(fields["primary_group"])...), system: fields["system"] == true,
		})
		if err != nil {
			return err
		}
		keys := append(words(fields["ssh_authorized_keys"]), words(fields["ssh-authorized-keys"])...)
		if err := authorize(a, keys, ""); err != nil {
			return err
		}
		rules := []string{text("sudo")}
		if list, ok := fields["sudo"].([]any); ok {
			rules = words(list)
		}
		for _, rule := range rules {
			if rule == "" || strings.EqualFold(rule, "false") {
				continue
			}
			if err := appendLine("/etc/sudoers.d/90-cloud-init-users", name+" "+rule+"\n", 0o440); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *runner) authorizedKeys(c *cloudConfig) error {
	if len(c.SSHAuthorizedKeys) == 0 {
		return nil
	}
	user := r.m.spec.User
	if user == "" {
		user = "root"
	}
	return r.m.openTo(user, c.SSHAuthorizedKeys)
}

func timezone(c *cloudConfig) error {
	if c.Timezone == "" {
		return nil
	}
	zone := filepath.Join("/usr/share/zoneinfo", filepath.Clean("/"+c.Timezone))
	if !exists(zone) {
		return fmt.Errorf("%q is not known here", c.Timezone)
	}
	if err := os.Remove("/etc/localtime"); err != nil && !os.IsNotExist(err) {
		return err
	}
	return os.Symlink(zone, "/etc/localtime")
}

// mounts adds lines to fstab and mounts them: device, folder, kind, options.
func (r *runner) mounts(c *cloudConfig) error {
	for _, m := range c.Mounts {
		if len(m) < 2 {
			continue
		}
		fields := append(slices.Clone(m), "auto", "defaults,nofail", "0", "2")[:6]
		copy(fields, m)
		if err := appendLine("/etc/fstab", strings.Join(fields, "\t")+"\n", 0o644); err != nil {
			return err
		}
		if err := os.MkdirAll(m[1], 0o755); err != nil {
			return err
		}
		if exit, err := r.command("mount", m[0], m[1]); err != nil || exit != 0 {
			r.printf("cloud-config: mounts: %s: exit status %d", m[0], exit)
		}
	}
	return nil
}

// packages has the system's package manager install packages.
func (r *runner) packages(c *cloudConfig) error {
	var names []string
	for _, p := range c.Packages {
		if list, ok := p.([]any); ok && len(list) > 0 {
			p = list[0] // a name and its version
		}
		names = append(names, fmt.Sprint(p))
	}
	manager := ""
	for _, m := range []string{"apt-get", "dnf", "yum"} {
		if exists("/usr/bin/" + m) {
			manager = m
			break
		}
	}
	if manager == "apt-get" && (c.PackageUpdate || c.PackageUpgrade) {
		if exit, err := r.command(manager, "update"); err != nil || exit != 0 {
			r.printf("cloud-config: %s update: exit status %d", manager, exit)
		}
	}
	if c.PackageUpgrade && manager != "" {
		if exit, err := r.command(manager, "-y", "upgrade"); err != nil || exit != 0 {
			r.printf("cloud-config: %s upgrade: exit status %d", manager, exit)
		}
	}
	if len(names) == 0 {
		return nil
	}
	if manager == "" {
		return fmt.Errorf("no package manager for %s", strings.Join(names, ", "))
	}
	exit, err := r.command(append([]string{manager, "-y", "install"}, names...)...)
	if err == nil && exit != 0 {
		err = fmt.Errorf("%s: exit status %d", manager, exit)
	}
	return err
}

// finish says that a configuration has been carried out.
func (r *runner) finish(c *cloudConfig) {
	if c.FinalMessage == "" {
		return
	}
	up := "0"
	if b, err := os.ReadFile("/proc/uptime"); err == nil {
		up, _, _ = strings.Cut(string(b), " ")
	}
	now := r.m.clock.Machine().Format("Mon, 02 Jan 2006 15:04:05 -0700")
	text := strings.NewReplacer("$UPTIME", up, "$TIMESTAMP", now, "$VERSION", "pileus", "$DATASOURCE", "DataSourceEc2",
		"$uptime", up, "$timestamp", now, "$version", "pileus", "$datasource", "DataSourceEc2").Replace(c.FinalMessage)
	r.printf("%s", text)
}
