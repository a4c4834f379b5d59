//go:build linux

package machine

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"pileus/plane"
)

const cloudConfig = `#cloud-config
hostname: web-1
users:
  - default
  - name: deploy
    groups: [wheel, www]
    shell: /bin/bash
    sudo: ALL=(ALL) NOPASSWD:ALL
    ssh_authorized_keys:
      - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdB0Q9o1PnTn1GgSWlCyhVWEPGRLRzgvgbqXxkzMoDA deploy
write_files:
  - path: /etc/app/config
    permissions: '0640'
    owner: root:wheel
    content: |
      setting: 1
  - path: /etc/app/binary
    encoding: b64
    content: aGVsbG8=
packages: [httpd]
bootcmd:
  - echo boot >> /root/order
runcmd:
  - echo run >> /root/order
  - [sh, -c, 'echo "list $0" >> /root/order', arg]
  - systemctl start httpd
chef: {}
final_message: "done at $UPTIME by $DATASOURCE"
`

// TestCloudConfig says in user data what the machine should be.
func TestCloudConfig(t *testing.T) {
	w := newWorld(t)
	w.boot("i-1", map[string]string{"user-data": cloudConfig})
	for script, want := range map[string]string{
		"hostname":      "web-1\n",
		"id -Gn deploy": "deploy wheel www\n",
		"cat /etc/app/config; stat -c '%a %G' /etc/app/config": "setting: 1\n640 wheel\n",
		"cat /etc/app/binary":                                 "hello",
		"cat /root/order":                                     "boot\nrun\nlist arg\n",
		"systemctl is-active httpd":                           "active\n",
		"systemctl status httpd | grep -c 'active (running)'": "1\n",
		"sudo -i pwd; sudo su - -c pwd":                       "/root\n/root\n",
		"sudo -u deploy sudo whoami":                          "root\n",
		"stat -c '%a %U' /home/deploy/.ssh/authorized_keys":   "600 deploy\n",
	} {
		if out, _ := w.run("i-1", script); out != want {
			t.Errorf("%s: %q, want %q", script, out, want)
		}
	}
	c := w.console("i-1")
	for _, want := range []string{`"chef" is not supported`, "by DataSourceEc2"} {
		if !strings.Contains(c, want) {
			t.Errorf("the console does not say %q:\n%s", want, c)
		}
	}
}

// TestMultipart gives a script and a configuration at once, compressed.
func TestMultipart(t *testing.T) {
	message := "Content-Type: multipart/mixed; boundary=\"==B==\"\r\nMIME-Version: 1.0\r\n\r\n" +
		"--==B==\r\nContent-Type: text/x-shellscript; charset=\"us-ascii\"\r\n\r\n#!/bin/sh\ncat /root/first > /root/second\n\r\n" +
		"--==B==\r\nContent-Type: text/cloud-config\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
		base64.StdEncoding.EncodeToString([]byte("#cloud-config\nwrite_files: [{path: /root/first, content: from the configuration}]\n")) + "\r\n--==B==--\r\n"
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(message))
	z.Close()
	w := newWorld(t)
	w.boot("i-1", map[string]string{"user-data": b.String()})
	if out, _ := w.run("i-1", "cat /root/second"); out != "from the configuration" {
		t.Errorf("%q\n%s", out, w.console("i-1"))
	}
}

// TestUserDataOnce boots twice from one volume, and once more as another
// machine, which is what an image of it becomes.
func TestUserDataOnce(t *testing.T) {
	w := newWorld(t)
	data := map[string]string{"user-data": "#!/bin/sh\necho ran >> /root/runs\n"}
	m := w.boot("i-1", data)
	if err := w.machines.RebootMachine(t.Context(), m, 60*time.Second); err != nil {
		t.Fatal(err)
	}
	w.ready("i-1")
	if out, _ := w.run("i-1", "cat /root/runs"); out != "ran\n" {
		t.Errorf("after a reboot: %q", out)
	}
	if err := w.machines.StopMachine(t.Context(), "i-1", 60*time.Second); err != nil {
		t.Fatal(err)
	}
	w.network("i-2", data)
	m.ID = "i-2"
	if err := w.machines.EnsureMachine(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	w.ready("i-2")
	if out, _ := w.run("i-2", "cat /root/runs"); out != "ran\nran\n" {
		t.Errorf("as another machine: %q", out)
	}
}

// TestBadUserData survives what is none.
func TestBadUserData(t *testing.T) {
	for name, test := range map[string]struct{ data, want string }{
		"not a script":         {"hello there", "Unhandled non-multipart"},
		"a missing program":    {"#!/usr/bin/nosuch\n", "no such file"},
		"a script that fails":  {"#!/bin/sh\nexit 4\n", "exit status 4"},
		"no YAML":              {"#cloud-config\n  - [}\n", "cloud-config: "},
		"an unknown package":   {"#!/bin/sh\nyum install -y nginx\n", "Unable to find a match: nginx"},
		"half of a compressed": {"\x1f\x8b\x08\x00", "user data: "},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.boot("i-1", map[string]string{"user-data": test.data})
			if c := w.console("i-1"); !strings.Contains(c, test.want) {
				t.Errorf("the console does not say %q:\n%s", test.want, c)
			}
		})
	}
}

// TestHostOverlay boots the host's own userland: its programs are there, its
// private files are not, and what is written stays in the volume.
func TestHostOverlay(t *testing.T) {
	w := newWorld(t)
	m := w.machine("i-1", map[string]string{"user-data": "#!/bin/bash\necho \"user data ran under $BASH_VERSION\"\n"})
	w.volume("vol-upper", false)
	m.Root.Volume, m.Image.Kind = "vol-upper", plane.HostOverlay
	if err := w.machines.EnsureMachine(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	w.ready("i-1")
	if c := w.console("i-1"); !strings.Contains(c, "user data ran under 5") {
		t.Errorf("the host's bash did not run the user data:\n%s", c)
	}
	w.must("i-1", "test -x /usr/bin/env && ls /usr/bin | wc -l")
	w.must("i-1", "echo kept > /etc/kept && echo x > /usr/local/x")
	for _, private := range []string{w.dir, "/root/.bashrc", "/work", "/etc/ssh/ssh_host_rsa_key"} {
		if out, exit := w.run("i-1", "ls -d "+private); exit == 0 {
			t.Errorf("the machine sees the host's %s: %s", private, out)
		}
	}
	if out := w.must("i-1", "cat /etc/shadow"); strings.Contains(out, "daemon") {
		t.Errorf("the machine has the host's passwords:\n%s", out)
	}
	if out, _ := w.runAs("i-1", "ec2-user", "sudo whoami"); out != "root\n" {
		t.Errorf("sudo: %q", out)
	}
	if err := w.machines.StopMachine(t.Context(), "i-1", 60*time.Second); err != nil {
		t.Fatal(err)
	}
	if err := w.machines.EnsureMachine(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	w.ready("i-1")
	w.must("i-1", "test $(cat /etc/kept) = kept")
	w.run("i-1", "poweroff")
	w.until("the machine is down", func() bool { return w.status("i-1").State == plane.Stopped })
}

// TestUserDataInTheBackground: what user data leaves running goes on, and what
// it writes is seen, after user data has come to its end.
func TestUserDataInTheBackground(t *testing.T) {
	w := newWorld(t)
	w.boot("i-1", map[string]string{"user-data": "#!/bin/sh\n(while [ ! -e /tmp/go ]; do sleep 0.05; done; echo first; echo second; echo third; touch /tmp/lived) &\n"})
	w.run("i-1", "touch /tmp/go")
	w.until("it to live on", func() bool { _, exit := w.run("i-1", "test -e /tmp/lived"); return exit == 0 })
	w.until("what it writes", func() bool { return strings.Contains(w.console("i-1"), "third") })
	if out, _ := w.run("i-1", "cat /var/log/cloud-init-output.log"); !strings.Contains(out, "third") {
		t.Errorf("the log has only %q", out)
	}
}
