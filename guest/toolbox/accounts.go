//go:build linux

package toolbox

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The files of users and groups.
const (
	passwdFile = "/etc/passwd"
	shadowFile = "/etc/shadow"
	groupFile  = "/etc/group"
)

// alone has a command that changes accounts wait for others: what it has seen of
// them stays true until it has ended.
func alone(command func(*call) error) func(*call) error {
	return func(c *call) error {
		lock, err := os.OpenFile("/etc/.pwd.lock", os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer lock.Close()
		if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
			return err
		}
		return command(c)
	}
}

// changeLines writes a file of lines "name:..." anew as change makes them; what
// change returns empty is left out. The file is replaced as a whole.
func changeLines(file string, change func(fields []string) []string, more ...string) error {
	i, err := os.Stat(file)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var out strings.Builder
	for line := range strings.Lines(string(b)) {
		if f := change(strings.Split(strings.TrimRight(line, "\n"), ":")); len(f) > 0 {
			out.WriteString(strings.Join(f, ":") + "\n")
		}
	}
	for _, m := range more {
		out.WriteString(m + "\n")
	}
	if err := os.WriteFile(file+"+", []byte(out.String()), i.Mode()); err != nil {
		return err
	}
	return os.Rename(file+"+", file)
}

func asIs(f []string) []string { return f }

// validName tells whether a user or a group can have that name.
func validName(s string) bool {
	return s != "" && len(s) <= 32 && s[0] != '-' && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == ""
}

// unusedID is the first number from the given one on that neither a user nor a group has.
func unusedID(from int) int {
	for lookup(passwdFile, strconv.Itoa(from)) != nil || lookup(groupFile, strconv.Itoa(from)) != nil {
		from++
	}
	return from
}

// number is the value of an option or, without it, an unused one.
func number(p *parsed, letter string) (int, error) {
	if !p.has(letter) {
		if p.has("r") {
			return unusedID(900), nil
		}
		return unusedID(1000), nil
	}
	n, err := strconv.Atoi(p.value(letter))
	if err != nil || n < 0 {
		return 0, fmt.Errorf("invalid id '%s'", p.value(letter))
	}
	return n, nil
}

func groupadd(c *call) error {
	p, err := c.parse(options{letters: "g:rf", long: map[string]string{"gid": "g:", "system": "r", "force": "f"}}, false)
	if err != nil {
		return err
	}
	if len(p.args) != 1 || !validName(p.args[0]) {
		return usage("what is the group's name?")
	}
	if lookup(groupFile, p.args[0]) != nil {
		if p.has("f") {
			return nil
		}
		c.complain(said("group '" + p.args[0] + "' already exists"))
		return exit(9)
	}
	gid, err := number(p, "g")
	if err != nil {
		return err
	}
	if lookup(groupFile, strconv.Itoa(gid)) != nil {
		c.complain(fmt.Errorf("GID '%d' already exists", gid))
		return exit(4)
	}
	return changeLines(groupFile, asIs, fmt.Sprintf("%s:x:%d:", p.args[0], gid))
}

func useradd(c *call) error {
	p, err := c.parse(options{letters: "mMrs:d:c:G:g:u:U", long: map[string]string{
		"create-home": "m", "no-create-home": "M", "system": "r", "shell": "s:", "home-dir": "d:", "home": "d:", "comment": "c:", "gecos": "c:", "groups": "G:", "gid": "g:", "uid": "u:", "user-group": "U",
	}}, false)
	if err != nil {
		return err
	}
	if len(p.args) != 1 || !validName(p.args[0]) || strings.ContainsAny(p.value("s")+p.value("d")+p.value("c"), ":\n") {
		return usage("what is the user's name?")
	}
	name := p.args[0]
	if lookup(passwdFile, name) != nil {
		c.complain(said("user '" + name + "' already exists"))
		return exit(9)
	}
	uid, err := number(p, "u")
	if err != nil {
		return err
	}
	if lookup(passwdFile, strconv.Itoa(uid)) != nil {
		c.complain(fmt.Errorf("UID %d is not unique", uid))
		return exit(4)
	}
	groups := strings.FieldsFunc(p.value("G"), func(r rune) bool { return r == ',' })
	if err := c.knownGroups(groups); err != nil {
		return err
	}
	gid := uid
	if p.has("g") {
		f := lookup(groupFile, p.value("g"))
		if f == nil {
			return c.knownGroups([]string{p.value("g")})
		}
		gid, _ = strconv.Atoi(f[2])
	} else {
		if lookup(groupFile, name) != nil {
			c.complain(fmt.Errorf("group %s exists - if you want to add this user to that group, use -g", name))
			return exit(9)
		}
		gid = unusedID(uid)
		if err := changeLines(groupFile, asIs, fmt.Sprintf("%s:x:%d:", name, gid)); err != nil {
			return err
		}
	}
	home, shell := "/home/"+name, "/bin/bash"
	if p.has("d") {
		home = p.value("d")
	}
	if p.has("s") {
		shell = p.value("s")
	}
	if err := changeLines(passwdFile, asIs, fmt.Sprintf("%s:x:%d:%d:%s:%s:%s", name, uid, gid, p.value("c"), home, shell)); err != nil {
		return err
	}
	if err := changeLines(shadowFile, asIs, name+":!:20000:0:99999:7:::"); err != nil {
		return err
	}
	if err := joinGroups(name, groups, false); err != nil {
		return err
	}
	if p.has("M") || p.has("r") && !p.has("m") {
		return nil
	}
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	return os.Chown(home, uid, gid)
}

func (c *call) knownGroups(names []string) error {
	for _, g := range names {
		if lookup(groupFile, g) == nil {
			c.complain(fmt.Errorf("group '%s' does not exist", g))
			return exit(6)
		}
	}
	return nil
}

// joinGroups makes a user a member of groups; of those alone if only.
func joinGroups(user string, groups []string, only bool) error {
	if len(groups) == 0 && !only {
		return nil
	}
	return changeLines(groupFile, func(f []string) []string {
		if len(f) < 4 {
			return f
		}
		members := strings.FieldsFunc(f[3], func(r rune) bool { return r == ',' })
		in := slices.Contains(groups, f[0])
		if only && !in {
			members = slices.DeleteFunc(members, func(m string) bool { return m == user })
		} else if in && !slices.Contains(members, user) {
			members = append(members, user)
		}
		f[3] = strings.Join(members, ",")
		return f
	})
}

func usermod(c *call) error {
	p, err := c.parse(options{letters: "aG:s:d:c:LU", long: map[string]string{"append": "a", "groups": "G:", "shell": "s:", "home": "d:", "comment": "c:", "lock": "L", "unlock": "U"}}, false)
	if err != nil {
		return err
	}
	if len(p.args) != 1 || strings.ContainsAny(p.value("s")+p.value("d")+p.value("c"), ":\n") {
		return usage("which user?")
	}
	name := p.args[0]
	f := lookup(passwdFile, name)
	if len(f) < 7 || f[0] != name {
		c.complain(fmt.Errorf("user '%s' does not exist", name))
		return exit(6)
	}
	if p.has("G") {
		groups := strings.FieldsFunc(p.value("G"), func(r rune) bool { return r == ',' })
		if err := c.knownGroups(groups); err != nil {
			return err
		}
		if err := joinGroups(name, groups, !p.has("a")); err != nil {
			return err
		}
	}
	if p.has("L") || p.has("U") {
		if err := lockPassword(name, p.has("L")); err != nil {
			return err
		}
	}
	return changeLines(passwdFile, func(f []string) []string {
		if f[0] == name && len(f) > 6 {
			for at, letter := range map[int]string{4: "c", 5: "d", 6: "s"} {
				if p.has(letter) {
					f[at] = p.value(letter)
				}
			}
		}
		return f
	})
}

// lockPassword puts the mark of a locked password before it, or takes it away.
func lockPassword(name string, lock bool) error {
	return changeLines(shadowFile, func(f []string) []string {
		if f[0] == name && len(f) > 1 {
			f[1] = strings.TrimPrefix(f[1], "!")
			if lock || f[1] == "" {
				f[1] = "!" + f[1] // without a password it stays locked
			}
		}
		return f
	})
}

func userdel(c *call) error {
	p, err := c.parse(options{letters: "rf", long: map[string]string{"remove": "r", "force": "f"}}, false)
	if err != nil {
		return err
	}
	if len(p.args) != 1 {
		return usage("which user?")
	}
	name := p.args[0]
	f := lookup(passwdFile, name)
	if len(f) < 7 || f[0] != name {
		c.complain(fmt.Errorf("user '%s' does not exist", name))
		return exit(6)
	}
	drop := func(f []string) []string {
		if f[0] == name {
			return nil
		}
		return f
	}
	if err := joinGroups(name, nil, true); err != nil {
		return err
	}
	for _, file := range []string{passwdFile, shadowFile} {
		if err := changeLines(file, drop); err != nil {
			return err
		}
	}
	err = changeLines(groupFile, func(g []string) []string {
		if len(g) > 3 && g[0] == name && g[2] == f[3] && g[3] == "" {
			return nil
		}
		return g
	})
	if home := filepath.Clean(f[5]); err == nil && p.has("r") && strings.Count(home, "/") > 1 {
		err = os.RemoveAll(home)
	}
	return err
}

// passwd locks passwords. It sets none: nothing of the built-in image asks for one.
func passwd(c *call) error {
	p, err := c.parse(options{letters: "luS", long: map[string]string{"lock": "l", "unlock": "u", "status": "S"}}, false)
	if err != nil {
		return err
	}
	name := userName(os.Getuid())
	if len(p.args) > 0 {
		name = p.args[0]
	}
	if f := lookup(passwdFile, name); f == nil || f[0] != name {
		return fmt.Errorf("user '%s' does not exist", name)
	}
	switch {
	case p.has("l"), p.has("u"):
		return alone(func(*call) error { return lockPassword(name, p.has("l")) })(c)
	case p.has("S"):
		f := lookup(shadowFile, name)
		if len(f) < 2 {
			return said("Permission denied.")
		}
		state := "P"
		if strings.HasPrefix(f[1], "!") || strings.HasPrefix(f[1], "*") {
			state = "L"
		}
		c.printf("%s %s\n", name, state)
		return nil
	}
	return said("the built-in image has no logins with passwords: use key pairs, and sudo")
}

func groups(c *call) error {
	names := c.args
	if len(names) == 0 {
		names = []string{""}
	}
	for _, n := range names {
		prefix := ""
		args := []string{"-Gn"}
		if n != "" {
			prefix, args = n+" : ", append(args, "--", n)
			if lookup(passwdFile, n) == nil {
				c.complain(fmt.Errorf("'%s': no such user", n))
				continue
			}
		}
		c.printf("%s", prefix)
		q := *c
		q.args = args
		if err := id(&q); err != nil {
			return err
		}
	}
	return nil
}
