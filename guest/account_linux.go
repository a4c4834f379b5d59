package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// account is a line of /etc/passwd, with the groups of the user.
type account struct {
	name     string
	uid, gid uint32
	groups   []uint32
	home     string
	shell    string
}

// findAccount looks a user up by name or number.
func findAccount(name string) (account, error) {
	b, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return account{}, err
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) < 7 || f[0] != name && f[2] != name {
			continue
		}
		uid, err1 := strconv.ParseUint(f[2], 10, 32)
		gid, err2 := strconv.ParseUint(f[3], 10, 32)
		if err1 != nil || err2 != nil {
			continue
		}
		a := account{name: f[0], uid: uint32(uid), gid: uint32(gid), home: f[5], shell: f[6]}
		if a.shell == "" {
			a.shell = "/bin/sh"
		}
		a.groups = groupsOf(a)
		return a, nil
	}
	return account{}, fmt.Errorf("there is no user %q", name)
}

func groupsOf(a account) []uint32 {
	list := []uint32{a.gid}
	b, err := os.ReadFile("/etc/group")
	if err != nil {
		return list
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) < 4 {
			continue
		}
		gid, err := strconv.ParseUint(f[2], 10, 32)
		if err != nil || uint32(gid) == a.gid {
			continue
		}
		for member := range strings.SplitSeq(f[3], ",") {
			if member == a.name {
				list = append(list, uint32(gid))
			}
		}
	}
	return list
}

func (a account) credential() *syscall.Credential {
	return &syscall.Credential{Uid: a.uid, Gid: a.gid, Groups: a.groups}
}

// searchPath is where programs are looked for.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environment is what a program of the user's starts with.
func (m *machine) environment(a account) []string {
	return append([]string{
		"PATH=" + searchPath, "HOME=" + a.home, "USER=" + a.name, "LOGNAME=" + a.name, "SHELL=" + a.shell, "LANG=C.UTF-8",
	}, m.spec.Environment...)
}

// newUser is a user to be added.
type newUser struct {
	name, home, shell, comment string
	groups                     []string
	system                     bool
}

// addUser adds a user unless there is one of the name.
func addUser(n newUser) (account, error) {
	if a, err := findAccount(n.name); err == nil {
		return a, nil
	}
	if strings.ContainsAny(n.name+n.home+n.shell+n.comment, ":\n") || n.name == "" {
		return account{}, fmt.Errorf("%q is no name for a user", n.name)
	}
	if n.home == "" {
		n.home = "/home/" + n.name
	}
	if n.shell == "" {
		n.shell = "/bin/bash"
	}
	id := freeID(n.system)
	for _, line := range []struct {
		file, text string
		mode       os.FileMode
	}{
		{"/etc/group", fmt.Sprintf("%s:x:%d:\n", n.name, id), 0o644},
		{"/etc/passwd", fmt.Sprintf("%s:x:%d:%d:%s:%s:%s\n", n.name, id, id, n.comment, n.home, n.shell), 0o644},
		{"/etc/shadow", n.name + ":!:20000:0:99999:7:::\n", 0o600},
	} {
		if err := appendLine(line.file, line.text, line.mode); err != nil {
			return account{}, err
		}
	}
	for _, g := range n.groups {
		if err := joinGroup(n.name, g); err != nil {
			return account{}, err
		}
	}
	if err := os.MkdirAll(n.home, 0o700); err != nil {
		return account{}, err
	}
	if err := os.Chown(n.home, id, id); err != nil {
		return account{}, err
	}
	return findAccount(n.name)
}

// freeID is a number that neither a user nor a group has.
func freeID(system bool) int {
	used := map[int]bool{}
	for _, file := range []string{"/etc/passwd", "/etc/group"} {
		b, _ := os.ReadFile(file)
		for line := range strings.Lines(string(b)) {
			if f := strings.Split(line, ":"); len(f) > 2 {
				n, _ := strconv.Atoi(f[2])
				used[n] = true
			}
		}
	}
	id := 1000
	if system {
		id = 900
	}
	for used[id] {
		id++
	}
	return id
}

func appendLine(file, text string, mode os.FileMode) error {
	old, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if len(old) > 0 && old[len(old)-1] != '\n' {
		text = "\n" + text
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_APPEND, mode)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}

// joinGroup makes a user a member of a group, which is made if there is none.
func joinGroup(user, group string) error {
	b, err := os.ReadFile("/etc/group")
	if err != nil {
		return err
	}
	lines := strings.SplitAfter(string(b), "\n")
	for i, line := range lines {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) < 4 || f[0] != group {
			continue
		}
		members := strings.FieldsFunc(f[3], func(r rune) bool { return r == ',' })
		for _, m := range members {
			if m == user {
				return nil
			}
		}
		f[3] = strings.Join(append(members, user), ",")
		lines[i] = strings.Join(f, ":") + "\n"
		return os.WriteFile("/etc/group", []byte(strings.Join(lines, "")), 0o644)
	}
	return appendLine("/etc/group", fmt.Sprintf("%s:x:%d:%s\n", group, freeID(true), user), 0o644)
}

// ensureUser makes the user that the key pair opens, who may do all.
func (m *machine) ensureUser() error {
	if m.spec.User == "" || m.spec.User == "root" {
		return nil
	}
	shell := "/bin/bash"
	if !exists(shell) {
		shell = "/bin/sh"
	}
	a, err := addUser(newUser{name: m.spec.User, shell: shell, comment: "default user"})
	if err != nil {
		return err
	}
	return replaceFile("/etc/sudoers.d/90-cloud-init-users", a.name+" ALL=(ALL) NOPASSWD:ALL\n", 0o440)
}

// authorize adds keys to those with which the user can log in.
func authorize(a account, keys []string, options string) error {
	folder := filepath.Join(a.home, ".ssh")
	file := filepath.Join(folder, "authorized_keys")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	old, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	for _, k := range keys {
		k = strings.TrimSpace(k)
		if k == "" || strings.Contains(string(old), k) {
			continue
		}
		if err := appendLine(file, options+k+"\n", 0o600); err != nil {
			return err
		}
	}
	for _, name := range []string{a.home, folder, file} {
		if err := os.Chown(name, int(a.uid), int(a.gid)); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}
