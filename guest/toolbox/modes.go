//go:build linux

package toolbox

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// chmod changes modes.
func chmod(c *call) error {
	recursive, args := false, []string{}
	for _, a := range c.args {
		switch a {
		case "-R", "--recursive":
			recursive = true
		case "-v", "-f", "-c", "--":
		default: // "-x" is a mode
			args = append(args, a)
		}
	}
	if len(args) < 2 {
		return usage("missing operand")
	}
	c.walk(args[1:], recursive, func(name string, link bool) error {
		if link {
			return nil
		}
		return changeMode(name, args[0])
	})
	return nil
}

// chown changes owners; chgrp, groups.
func chown(c *call) error {
	p, err := c.parse(options{letters: "Rhvfc", long: map[string]string{"recursive": "R", "no-dereference": "h"}}, false)
	if err != nil {
		return err
	}
	if len(p.args) < 2 {
		return usage("missing operand")
	}
	owner := p.args[0]
	if c.name == "chgrp" {
		owner = ":" + owner
	}
	c.walk(p.args[1:], p.has("R"), func(name string, link bool) error {
		return changeOwner(name, owner, link || p.has("h"))
	})
	return nil
}

// walk calls f with each name and, if recursive, all that is below; link tells
// that it is a link that was found below.
func (c *call) walk(names []string, recursive bool, f func(name string, link bool) error) {
	for _, name := range names {
		if !recursive {
			if err := f(name, false); err != nil {
				c.complain(err)
			}
			continue
		}
		filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
			if err == nil {
				err = f(path, d.Type()&fs.ModeSymlink != 0)
			}
			if err != nil {
				c.complain(err)
			}
			return nil
		})
	}
}

func changeMode(name, mode string) error {
	var st unix.Stat_t
	if err := unix.Stat(name, &st); err != nil {
		return &os.PathError{Op: "chmod", Path: name, Err: err}
	}
	m, err := readMode(mode, st.Mode)
	if err != nil {
		return err
	}
	if err := unix.Chmod(name, m); err != nil {
		return &os.PathError{Op: "chmod", Path: name, Err: err}
	}
	return nil
}

// readMode reads a mode, "755" or "u+x,go-w", that changes another.
func readMode(s string, old uint32) (uint32, error) {
	if n, err := strconv.ParseUint(s, 8, 16); err == nil && n <= 0o7777 {
		return uint32(n), nil
	}
	mode := old & 0o7777
	for clause := range strings.SplitSeq(s, ",") {
		at := strings.IndexAny(clause, "+-=")
		if at < 0 {
			return 0, fmt.Errorf("invalid mode: '%s'", s)
		}
		var err error
		if mode, err = modeClause(mode, old, clause[:at], clause[at:]); err != nil {
			return 0, fmt.Errorf("invalid mode: '%s'", s)
		}
	}
	return mode, nil
}

// modeClause applies what follows who in "u+x-w".
func modeClause(mode, old uint32, who, actions string) (uint32, error) {
	var classes, special uint32
	for _, w := range who {
		switch w {
		case 'u':
			classes, special = classes|0o700, special|0o4000
		case 'g':
			classes, special = classes|0o070, special|0o2000
		case 'o':
			classes |= 0o007
		case 'a':
			classes, special = 0o777, 0o6000
		default:
			return 0, syscall.EINVAL
		}
	}
	if who == "" {
		classes, special = 0o777, 0o6000
	}
	for len(actions) > 0 {
		op := actions[0]
		end := strings.IndexAny(actions[1:], "+-=")
		perms := actions[1:]
		if end >= 0 {
			perms = actions[1 : 1+end]
		}
		actions = actions[1+len(perms):]
		var bits uint32
		for _, p := range perms {
			switch p {
			case 'r':
				bits |= 0o444 & classes
			case 'w':
				bits |= 0o222 & classes
			case 'x':
				bits |= 0o111 & classes
			case 'X':
				if old&0o111 != 0 || old&unix.S_IFMT == unix.S_IFDIR {
					bits |= 0o111 & classes
				}
			case 's':
				bits |= special
			case 't':
				bits |= 0o1000
			case 'u':
				bits |= spread(mode>>6) & classes
			case 'g':
				bits |= spread(mode>>3) & classes
			case 'o':
				bits |= spread(mode) & classes
			default:
				return 0, syscall.EINVAL
			}
		}
		switch op {
		case '+':
			mode |= bits
		case '-':
			mode &^= bits
		case '=':
			mode = mode&^(classes|special) | bits
		}
	}
	return mode, nil
}

// spread gives three permission bits to all classes.
func spread(three uint32) uint32 { three &= 7; return three<<6 | three<<3 | three }

func changeOwner(name, owner string, link bool) error {
	user, group, both := strings.Cut(owner, ":")
	if !both {
		if u, g, ok := strings.Cut(owner, "."); ok && lookup("/etc/passwd", owner) == nil {
			user, group = u, g
		}
	}
	uid, gid := -1, -1
	var err error
	if user != "" {
		if uid, err = idOf("/etc/passwd", user, "user"); err != nil {
			return err
		}
		if both && group == "" { // "name:" is the name's own group
			if f := lookup("/etc/passwd", user); len(f) > 3 {
				gid, _ = strconv.Atoi(f[3])
			}
		}
	}
	if group != "" {
		if gid, err = idOf("/etc/group", group, "group"); err != nil {
			return err
		}
	}
	if link {
		return os.Lchown(name, uid, gid)
	}
	return os.Chown(name, uid, gid)
}

// idOf is the number of a user or group.
func idOf(file, name, kind string) (int, error) {
	if f := lookup(file, name); f != nil {
		return strconv.Atoi(f[2])
	}
	if n, err := strconv.Atoi(name); err == nil {
		return n, nil
	}
	return 0, fmt.Errorf("invalid %s: '%s'", kind, name)
}
