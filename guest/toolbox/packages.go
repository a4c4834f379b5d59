//go:build linux

package toolbox

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// pack is a package that the image can be given: its program is a tool, so
// installing it writes what the program needs.
type pack struct {
	summary string
	folders []string
	files   map[string]string
}

func webServer(name string) pack {
	return pack{
		summary: "web server for static files and CGI programs", folders: []string{"/var/www/html", "/var/www/cgi-bin"},
		files: map[string]string{
			"/usr/lib/systemd/system/" + name + ".service": "[Unit]\nDescription=The web server of the pileus toolbox\nAfter=network.target\n\n[Service]\nExecStart=/usr/bin/httpd -p 80 -h /var/www/html\nRestart=on-failure\n\n[Install]\nWantedBy=multi-user.target\n",
		},
	}
}

// offered are the packages that exist.
var offered = map[string]pack{"httpd": webServer("httpd"), "apache2": webServer("apache2")}

// builtIn are packages of other systems whose programs the image has as tools.
var builtIn = map[string]string{
	"curl": "curl", "wget": "wget", "tar": "tar", "gzip": "gzip", "sed": "sed", "gawk": "awk", "grep": "grep", "findutils": "find", "coreutils": "ls", "bash": "bash",
	"stress": "stress", "nc": "nc", "nmap-ncat": "nc", "netcat": "nc", "netcat-openbsd": "nc", "bind-utils": "dig", "dnsutils": "dig", "iproute": "ip", "iproute2": "ip",
	"iputils": "ping", "iputils-ping": "ping", "procps": "ps", "procps-ng": "ps", "util-linux": "lsblk", "e2fsprogs": "mkfs.ext4", "sudo": "sudo", "ca-certificates": "curl", "hostname": "hostname", "which": "which", "file": "file",
}

const installed = "/var/lib/pileus/packages"

// packages is yum, dnf, apt-get and apt, as far as the image has what is asked
// for. There is no repository behind it, and it says so.
func packages(c *call) error {
	var args []string
	for _, a := range c.args {
		if !strings.HasPrefix(a, "-") {
			args = append(args, a)
		}
	}
	if len(args) == 0 {
		return usage("install|remove|list|update [PACKAGE...]")
	}
	verb, names := args[0], args[1:]
	switch verb {
	case "install", "reinstall":
		return c.install(names)
	case "remove", "erase", "purge":
		return c.uninstall(names)
	case "list", "info", "search":
		for _, n := range slices.Sorted(maps.Keys(offered)) {
			state := "available"
			if hasPackage(n) {
				state = "installed"
			}
			if len(names) == 0 || slices.Contains(names, n) || names[0] == state {
				c.printf("%-20s %-10s %s\n", n, state, offered[n].summary)
			}
		}
		return nil
	case "update", "upgrade", "check-update", "makecache", "dist-upgrade", "clean", "autoremove":
		if len(names) > 0 && verb != "clean" {
			return c.install(names)
		}
		c.printf("The built-in image is up to date: its programs are those of pileus itself.\n")
		return nil
	}
	return usage(fmt.Sprintf("No such command: %s", verb))
}

func hasPackage(name string) bool {
	_, err := os.Stat(filepath.Join(installed, name))
	return err == nil
}

// install installs all or nothing: an unknown name fails before.
func (c *call) install(names []string) error {
	if len(names) == 0 {
		return usage("no package was named")
	}
	for _, n := range names {
		_, known := offered[n]
		if _, ok := builtIn[n]; !ok && !known {
			if c.name == "apt-get" || c.name == "apt" {
				fmt.Fprintf(c.errors, "E: Unable to locate package %s\n", n)
			} else {
				fmt.Fprintf(c.errors, "No match for argument: %s\nError: Unable to find a match: %s\n", n, n)
			}
			fmt.Fprintf(c.errors, "The built-in image has no package repository; it offers: %s.\n", strings.Join(slices.Sorted(maps.Keys(offered)), ", "))
			return exit(1)
		}
	}
	for _, n := range names {
		p, known := offered[n]
		if !known {
			c.printf("%s is part of the image (%s).\n", n, builtIn[n])
			continue
		}
		if hasPackage(n) {
			c.printf("Package %s is already installed.\n", n)
			continue
		}
		for _, d := range append(p.folders, installed) {
			if err := os.MkdirAll(d, 0o755); err != nil {
				return err
			}
		}
		for name, text := range p.files {
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
				return err
			}
		}
		if err := os.WriteFile(filepath.Join(installed, n), nil, 0o644); err != nil {
			return err
		}
		c.printf("Installed: %s\n", n)
		if c.name == "apt-get" || c.name == "apt" { // Debian's packages start their services
			if err := c.service([]string{"enable", n}); err != nil {
				return err
			}
			if err := c.service([]string{"start", n}); err != nil {
				return err
			}
		}
	}
	c.printf("Complete!\n")
	return nil
}

func (c *call) uninstall(names []string) error {
	for _, n := range names {
		p, known := offered[n]
		if !known || !hasPackage(n) {
			c.printf("Package %s is not installed.\n", n)
			continue
		}
		if err := c.service([]string{"stop", n}); err != nil {
			return err
		}
		if err := c.service([]string{"disable", n}); err != nil {
			return err
		}
		for name := range p.files {
			if err := os.Remove(name); err != nil {
				c.complain(err)
			}
		}
		if err := os.Remove(filepath.Join(installed, n)); err != nil {
			return err
		}
		c.printf("Removed: %s\n", n)
	}
	return nil
}
