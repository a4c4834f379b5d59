package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"pileus/guest/handoff"
)

// What a machine with the host's userland sees of it is a list of what is
// shown, not of what is hidden: a host's private data may be anywhere.
var (
	shownTop = []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "etc", "opt", "var"}
	shownVar = []string{"lib", "www"}
	shownLib = []string{"alternatives", "apt", "dpkg", "ca-certificates", "dbus", "misc", "pam", "python", "systemd", "ucf", "rpm", "dnf", "xml-core"}
	// secretsEtc are hidden from /etc; what is needed of them is made anew.
	secretsEtc = []string{
		"shadow", "shadow-", "gshadow", "gshadow-", "sudoers.d", "machine-id", "hostname", "hosts", "resolv.conf", "fstab", "mtab",
		"ssl/private", "NetworkManager", "netplan", "wpa_supplicant", "cron.d", "crontab", "ppp", "wireguard", "pileus", "docker", "kubernetes",
	}
	// emptied are folders that are there, with nothing of the host's in them.
	emptied = map[string]os.FileMode{
		"root": 0o700, "home": 0o755, "tmp": 0o1777, "mnt": 0o755, "media": 0o755, "srv": 0o755, "run": 0o755, "proc": 0o555, "sys": 0o555, "dev": 0o755,
		"var/log": 0o755, "var/cache": 0o755, "var/tmp": 0o1777, "var/spool": 0o755, "var/lib/cloud": 0o755, "etc/sudoers.d": 0o750,
	}
)

// mountOverlay lays the root volume over the host's userland.
func mountOverlay(s handoff.Spec) (root string, err error) {
	upper := filepath.Join(s.Stage, "upper")
	root = filepath.Join(s.Stage, "root")
	for _, d := range []string{upper, filepath.Join(s.Stage, "work"), root} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return "", err
		}
	}
	// Once on each volume: later the machine's own files are there.
	mark := filepath.Join(s.Stage, "masked")
	if _, err := os.Stat(mark); err != nil {
		if err := mask(upper, s.Private); err != nil {
			return "", fmt.Errorf("hide the host's files: %w", err)
		}
		if err := touch(mark, 0o600); err != nil {
			return "", err
		}
	}
	// Relative names, because no character of the path can then be taken for
	// a separator of options.
	if err := unix.Chdir(s.Stage); err != nil {
		return "", err
	}
	if err := unix.Mount("overlay", root, "overlay", 0, "lowerdir=/,upperdir=upper,workdir=work"); err != nil {
		return "", fmt.Errorf("lay the root volume over the host's userland: %w", err)
	}
	return root, nil
}

// mask hides what is not shown by entries in the upper layer.
func mask(upper string, private []string) error {
	for _, level := range []struct {
		folder string
		shown  []string
	}{{"", shownTop}, {"var", shownVar}, {"var/lib", shownLib}} {
		entries, err := os.ReadDir(filepath.Join("/", level.folder))
		if err != nil {
			return err
		}
		for _, e := range entries {
			if !slices.Contains(level.shown, e.Name()) {
				if err := whiteout(filepath.Join(upper, level.folder, e.Name())); err != nil {
					return err
				}
			}
		}
	}
	keys, err := filepath.Glob("/etc/ssh/ssh_host_*")
	if err != nil {
		return err
	}
	hidden := append(keys, private...)
	for _, name := range secretsEtc {
		hidden = append(hidden, filepath.Join("/etc", name))
	}
	for _, name := range hidden {
		if _, err := os.Lstat(name); err != nil || !underShown(name) {
			continue
		}
		if err := whiteout(filepath.Join(upper, name)); err != nil {
			return err
		}
	}
	for name, mode := range emptied {
		if err := emptyFolder(filepath.Join(upper, name), mode); err != nil {
			return err
		}
	}
	return nil
}

// underShown tells whether a path lies in what is shown; the rest is hidden
// with the folder that it is in.
func underShown(name string) bool {
	p := strings.Split(strings.Trim(name, "/"), "/")
	if !slices.Contains(shownTop, p[0]) {
		return false
	}
	if p[0] != "var" || len(p) == 1 {
		return true
	}
	return slices.Contains(shownVar, p[1]) && (p[1] != "lib" || len(p) == 2 || slices.Contains(shownLib, p[2]))
}

// whiteout hides a name of the lower layer.
func whiteout(name string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	err := unix.Mknod(name, unix.S_IFCHR, 0)
	if err != nil && err != unix.EEXIST {
		return &os.PathError{Op: "hide", Path: name, Err: err}
	}
	return nil
}

// emptyFolder makes a folder that does not show the lower layer's content.
func emptyFolder(name string, mode os.FileMode) error {
	if err := os.Remove(name); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := os.MkdirAll(name, 0o755); err != nil {
		return err
	}
	if err := unix.Chmod(name, uint32(mode.Perm())|uint32(mode&0o7000)); err != nil {
		return err
	}
	return unix.Setxattr(name, "trusted.overlay.opaque", []byte("y"), 0)
}
