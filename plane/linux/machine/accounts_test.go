//go:build linux

package machine

import "testing"

// TestAccounts makes users and groups in a machine, as courses do: several at
// once get numbers of their own.
func TestAccounts(t *testing.T) {
	w := newWorld(t)
	w.boot("i-1", nil)
	for _, step := range []struct{ command, want string }{
		{"groupadd staff && useradd -m -G staff,wheel -c 'A. Liddell' alice && id -Gn alice", "alice wheel staff\n"},
		{"su - alice -c 'whoami; pwd'", "alice\n/home/alice\n"},
		{"usermod -aG adm alice && groups alice", "alice : alice adm wheel staff\n"},
		{"for u in a b c d e; do useradd $u & done; wait; cut -d: -f3 /etc/passwd | sort | uniq -d", ""},
		{"useradd alice 2>&1; echo $?", "useradd: user 'alice' already exists\n9\n"},
		{"usermod -aG nosuch alice 2>&1; echo $?", "usermod: group 'nosuch' does not exist\n6\n"},
		{"passwd -l alice && passwd -S alice", "alice L\n"},
		{"userdel -r alice && ls /home; grep alice /etc/passwd /etc/shadow /etc/group", "a\nb\nc\nd\ne\nec2-user\n"},
		{"cloud-init status --wait", "status: done\n"},
	} {
		if got, _ := w.run("i-1", step.command); got != step.want {
			t.Errorf("%s: %q, want %q", step.command, got, step.want)
		}
	}
	if got, _ := w.runAs("i-1", "ec2-user", "useradd mallory 2>&1; echo $?"); got != "useradd: /etc/.pwd.lock: Permission denied\n1\n" {
		t.Errorf("by somebody else than root: %q", got)
	}
}
