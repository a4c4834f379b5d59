//go:build linux

package guest

import (
	"archive/tar"
	"io"
	"path"
	"time"

	"pileus/guest/toolbox"
)

// Program is where the pileus program is found inside a machine, mounted
// read-only. The built-in image's tools are links to it.
const Program = "/usr/lib/pileus/pileus"

// built is the time of every file of the built-in image, so that the archive
// is the same, byte for byte, whenever it is written.
var built = time.Date(2025, time.January, 1, 0, 0, 0, 0, time.UTC)

// Archive writes the root file system of the built-in image as a tar archive:
// folders, the few files that programs look for, and a link to Program for
// each tool. It needs some 100 inodes and 200 KiB.
func Archive(w io.Writer) error {
	t := tar.NewWriter(w)
	for _, d := range folders {
		h := &tar.Header{Typeflag: tar.TypeDir, Name: d.name + "/", Mode: d.mode, Uid: d.owner, Gid: d.owner, ModTime: built}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
	}
	for _, f := range rootFiles {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: f.mode, Uid: f.owner, Gid: f.owner, Size: int64(len(f.text)), ModTime: built}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.WriteString(t, f.text); err != nil {
			return err
		}
	}
	for _, l := range links() {
		h := &tar.Header{Typeflag: tar.TypeSymlink, Name: l.name, Linkname: l.to, Mode: 0o777, ModTime: built}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
	}
	return t.Close()
}

type link struct{ name, to string }

// links are the merged folders of modern systems and the tools.
func links() []link {
	l := []link{
		{"bin", "usr/bin"}, {"sbin", "usr/sbin"}, {"lib", "usr/lib"}, {"lib64", "usr/lib"},
		{"var/run", "../run"},
		{"etc/mtab", "../proc/self/mounts"},
		// The names under which common libraries look for authorities.
		{"etc/pki/tls/certs/ca-bundle.crt", "../../../ssl/certs/ca-certificates.crt"},
		{"etc/ssl/cert.pem", "certs/ca-certificates.crt"},
		{"etc/system-release", "os-release"},
	}
	for _, name := range toolbox.Names() {
		l = append(l, link{path.Join("usr/bin", name), Program})
	}
	for _, name := range []string{"init", "poweroff", "halt", "reboot", "shutdown"} {
		l = append(l, link{path.Join("usr/sbin", name), Program})
	}
	l = append(l, link{"usr/lib/openssh/sftp-server", Program})
	for _, name := range []string{"amazon-cloudwatch-agent", "amazon-cloudwatch-agent-ctl"} {
		l = append(l, link{path.Join("opt/aws/amazon-cloudwatch-agent/bin", name), Program})
	}
	return l
}

const loginUser = 1000 // uid and gid of ec2-user

type folder struct {
	name  string
	mode  int64
	owner int
}

var folders = []folder{
	{"dev", 0o755, 0}, {"proc", 0o555, 0}, {"sys", 0o555, 0}, {"run", 0o755, 0}, {"tmp", 0o1777, 0},
	{"root", 0o700, 0}, {"home", 0o755, 0}, {"home/ec2-user", 0o700, loginUser}, {"mnt", 0o755, 0}, {"opt", 0o755, 0},
	{"srv", 0o755, 0}, {"media", 0o755, 0},
	{"opt/aws", 0o755, 0}, {"opt/aws/amazon-cloudwatch-agent", 0o755, 0}, {"opt/aws/amazon-cloudwatch-agent/bin", 0o755, 0}, {"opt/aws/amazon-cloudwatch-agent/etc", 0o755, 0},
	{"etc", 0o755, 0}, {"etc/ssh", 0o755, 0}, {"etc/ssl", 0o755, 0}, {"etc/ssl/certs", 0o755, 0},
	{"etc/pki", 0o755, 0}, {"etc/pki/tls", 0o755, 0}, {"etc/pki/tls/certs", 0o755, 0},
	{"etc/profile.d", 0o755, 0}, {"etc/sudoers.d", 0o750, 0},
	{"usr", 0o755, 0}, {"usr/bin", 0o755, 0}, {"usr/sbin", 0o755, 0}, {"usr/lib", 0o755, 0}, {"usr/lib/openssh", 0o755, 0}, {"usr/lib/systemd", 0o755, 0}, {"usr/lib/systemd/system", 0o755, 0}, {"etc/systemd", 0o755, 0}, {"etc/systemd/system", 0o755, 0}, {"usr/lib/pileus", 0o755, 0},
	{"usr/local", 0o755, 0}, {"usr/local/bin", 0o755, 0}, {"usr/share", 0o755, 0},
	{"var", 0o755, 0}, {"var/lib", 0o755, 0}, {"var/lib/cloud", 0o755, 0}, {"var/log", 0o755, 0},
	{"var/cache", 0o755, 0}, {"var/spool", 0o755, 0}, {"var/tmp", 0o1777, 0},
}

type rootFile struct {
	name  string
	mode  int64
	owner int
	text  string
}

var rootFiles = []rootFile{
	{"etc/passwd", 0o644, 0, `root:x:0:0:root:/root:/bin/bash
daemon:x:2:2:daemon:/:/sbin/nologin
apache:x:48:48:web server:/var/www:/sbin/nologin
nobody:x:65534:65534:nobody:/:/sbin/nologin
ec2-user:x:1000:1000:EC2 default user:/home/ec2-user:/bin/bash
`},
	{"etc/group", 0o644, 0, `root:x:0:
daemon:x:2:
adm:x:4:ec2-user
tty:x:5:
disk:x:6:
wheel:x:10:ec2-user
apache:x:48:
users:x:100:
nobody:x:65534:
ec2-user:x:1000:
`},
	// No account has a password: a key or nothing.
	{"etc/shadow", 0o600, 0, "root:!:20000:0:99999:7:::\ndaemon:!:20000:0:99999:7:::\napache:!:20000:0:99999:7:::\nnobody:!:20000:0:99999:7:::\nec2-user:!:20000:0:99999:7:::\n"},
	{"etc/os-release", 0o644, 0, `NAME="pileus"
ID=pileus
VERSION_ID="1"
PRETTY_NAME="pileus built-in image"
`},
	{"etc/profile", 0o644, 0, `export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin
for f in /etc/profile.d/*.sh; do [ -r "$f" ] && . "$f"; done
unset f
`},
	{"etc/motd", 0o644, 0, "\n  pileus: a small Linux machine. `toolbox` lists its programs.\n\n"},
	{"etc/shells", 0o644, 0, "/bin/sh\n/bin/bash\n"},
	{"etc/fstab", 0o644, 0, ""},
	{"etc/nsswitch.conf", 0o644, 0, "hosts: files dns\npasswd: files\ngroup: files\n"},
	{"etc/protocols", 0o644, 0, "icmp 1 ICMP\ntcp 6 TCP\nudp 17 UDP\n"},
	{"etc/services", 0o644, 0, "ssh 22/tcp\ndomain 53/tcp\ndomain 53/udp\nhttp 80/tcp\nhttps 443/tcp\nmysql 3306/tcp\npostgresql 5432/tcp\n"},
	{"etc/sudoers.d/90-cloud-init-users", 0o440, 0, "ec2-user ALL=(ALL) NOPASSWD:ALL\n"},
	{"etc/hostname", 0o644, 0, "localhost\n"},
	{"etc/hosts", 0o644, 0, "127.0.0.1 localhost\n::1 localhost\n"},
	{"etc/resolv.conf", 0o644, 0, ""},
	{"etc/ssl/certs/ca-certificates.crt", 0o644, 0, ""},
	{"usr/lib/pileus/pileus", 0o755, 0, ""}, // what the program is mounted on
	{"var/log/cloud-init-output.log", 0o644, 0, ""},
}
