//go:build linux

package machine

import "testing"

func TestDebug(t *testing.T) {
	w := newWorld(t)
	w.boot("i-web", map[string]string{"user-data": webServer})
	t.Log(w.console("i-web"))
	for _, c := range []string{"ps aux", "systemctl status httpd", "cat /var/log/httpd.log", "ss -lt", "curl -sS localhost", "df -h", "mount", "ls -la /", "free", "id", "cat /proc/self/status | grep -i cap", "lsblk", "ls -l /dev", "ping -c 1 127.0.0.1"} {
		out, exit := w.run("i-web", c)
		t.Logf("$ %s (%d)\n%s", c, exit, out)
	}
}
