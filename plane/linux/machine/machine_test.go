//go:build linux

package machine

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"pileus/plane"
)

const webServer = `#!/bin/bash
yum update -y
yum install -y httpd
systemctl start httpd
systemctl enable httpd
echo "<h1>Hello from $(hostname -s)</h1>" > /var/www/html/index.html
`

// TestCourse boots the machine that every first course does: a web server set
// up by user data.
func TestCourse(t *testing.T) {
	w := newWorld(t)
	m := w.boot("i-web", map[string]string{"user-data": webServer})
	s := w.status("i-web")
	if s.State != plane.Running || !s.Booted || !s.Reachable || s.PID == 0 {
		t.Errorf("status: %+v", s)
	}
	if page := w.get("i-web", "10.0.0.5:80"); page != "<h1>Hello from ip-10-0-0-5</h1>\n" {
		t.Errorf("the page is %q\n%s", page, w.console("i-web"))
	}
	log, _ := w.run("i-web", "cat /var/log/cloud-init-output.log")
	if c := w.console("i-web"); !strings.Contains(c, "Complete!") || !strings.Contains(log, "Complete!") {
		t.Errorf("the output of user data is neither on the console nor in the log:\n%s\n%s", c, log)
	}

	// Stopped and started, it serves again, and its user data does not run again.
	w.run("i-web", "echo changed > /var/www/html/index.html")
	if err := w.machines.StopMachine(t.Context(), "i-web", 60*time.Second); err != nil {
		t.Fatal(err)
	}
	if s := w.status("i-web"); s.State != plane.Stopped || s.Reason != "stopped" || s.PID != 0 {
		t.Errorf("stopped: %+v", s)
	}
	if err := w.machines.EnsureMachine(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	w.ready("i-web")
	if page := w.get("i-web", "10.0.0.5:80"); page != "changed\n" {
		t.Errorf("after a stop and a start the page is %q", page)
	}
}

// get reads a page from next to a machine, once a server is there.
func (w *world) get(id, address string) (page string) {
	w.t.Helper()
	w.until("the web server answers", func() bool {
		c := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
			return w.dial(id, address)
		}}}
		res, err := c.Get("http://" + address + "/")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		page = string(b)
		return err == nil
	})
	return page
}
