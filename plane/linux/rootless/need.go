//go:build linux

package rootless

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// leastIDs is how many user ids a machine needs besides root's: those up to
// nobody's.
const leastIDs = 65535

// Missing says what this machine lacks for machines and networks without root;
// nil where nothing is.
func Missing() error {
	var missing []error
	for _, p := range []struct{ program, remedy string }{
		{"newuidmap", "install uidmap (shadow-utils)"}, {"newgidmap", "install uidmap (shadow-utils)"},
		{"nsenter", "install util-linux"}, {"fuse2fs", "install fuse2fs: it mounts root volumes"},
		{"mkfs.ext4", "install e2fsprogs"}, {"e2fsck", "install e2fsprogs"},
	} {
		if _, err := Tool(p.program); err != nil {
			missing = append(missing, fmt.Errorf("%s is not installed: %s", p.program, p.remedy))
		}
	}
	for _, file := range []string{"/etc/subuid", "/etc/subgid"} {
		if _, err := subordinate(file); err != nil {
			missing = append(missing, err)
		}
	}
	if err := unix.Access("/dev/fuse", unix.R_OK|unix.W_OK); err != nil {
		missing = append(missing, fmt.Errorf("/dev/fuse cannot be used (%w): load the module fuse", err))
	}
	for _, s := range []struct{ path, bad, remedy string }{
		{"/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=65536"},
		{"/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"},
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "sysctl kernel.apparmor_restrict_unprivileged_userns=0"},
	} {
		if b, err := os.ReadFile(s.path); err == nil && strings.TrimSpace(string(b)) == s.bad {
			missing = append(missing, fmt.Errorf("user namespaces are forbidden: %s", s.remedy))
		}
	}
	return errors.Join(missing...)
}

// Tool finds a program that may be outside of a user's PATH.
func Tool(name string) (path string, err error) {
	if path, err = exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", err
}

// span is a range of ids.
type span struct{ first, count int }

// subordinate is the range that a file like /etc/subuid gives this user.
// Lines are of the form "name or number:first:count".
func subordinate(file string) (span, error) {
	uid := os.Getuid()
	me, name := strconv.Itoa(uid), ""
	if u, err := user.LookupId(me); err == nil {
		name = u.Username
	}
	f, err := os.Open(file)
	if err == nil {
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			part := strings.Split(strings.TrimSpace(s.Text()), ":")
			if len(part) != 3 || part[0] != me && (name == "" || part[0] != name) {
				continue
			}
			first, err1 := strconv.Atoi(part[1])
			count, err2 := strconv.Atoi(part[2])
			if err1 == nil && err2 == nil && count >= leastIDs {
				return span{first, count}, nil
			}
		}
	}
	who := name
	if who == "" {
		who = me
	}
	return span{}, fmt.Errorf("%s gives you no range of %d ids: as root, usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s", file, leastIDs+1, who)
}
