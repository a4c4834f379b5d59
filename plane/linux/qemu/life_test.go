//go:build linux

package qemu

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"pileus/clock"
	"pileus/plane"
)

// page reads the page of a machine's web server from next to the machine.
func (w *world) page(id string) (text string) {
	w.t.Helper()
	w.in(id, func() error {
		c, err := net.Dial("tcp", "10.0.0.5:80")
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: it\r\nConnection: close\r\n\r\n")); err != nil {
			return err
		}
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		var b bytes.Buffer
		_, err = b.ReadFrom(res.Body)
		text = b.String()
		return err
	})
	return text
}

// TestGuest takes a guest of the built-in image through its life: it boots a
// kernel of its own, has its network, asks the metadata service and runs its
// user data; it is found again; volumes come and go; it stops, starts with what
// was on its disk, reboots itself and shuts itself down.
func TestGuest(t *testing.T) {
	k := needKernel(t)
	w := newWorld(t)
	const id = "i-one"
	m := w.machine(id, map[string]string{
		"user-data": "#!/bin/sh\nmkdir -p /var/www/html\nuname -r >/var/www/html/index.html\nhttpd -p 80 -h /var/www/html &\necho user data has run\n",
	})
	watch := clock.Start()
	if err := w.engine.EnsureMachine(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	w.ready(id)
	t.Logf("user data has run after %v", watch.Elapsed().Round(10*time.Millisecond))
	s := w.status(id)
	if !s.Booted || !s.Reachable || s.State != plane.Running || s.PID == 0 {
		t.Errorf("%+v", s)
	}
	w.until("the web server", func() bool { _, exit := w.run(id, "curl -s http://127.0.0.1/"); return exit == 0 })
	if got := strings.TrimSpace(w.page(id)); got != k.Version {
		t.Errorf("the kernel is %q, want %q", got, k.Version)
	}
	if text := w.console(id); !strings.Contains(text, "user data has run") || !strings.Contains(text, "Linux version") {
		t.Errorf("the console lacks the kernel's or the user data's output:\n%s", text)
	}
	out, exit := w.run(id, "echo out; echo err >&2; exit 3")
	if exit != 3 || out != "out\nerr\n" {
		t.Errorf("a command: %d %q", exit, out)
	}
	w.adopted(id, s.PID)
	w.volumes(id)
	w.restarts(m)
}

// adopted has another engine find the guest.
func (w *world) adopted(id string, pid int) {
	w.t.Helper()
	if err := w.engine.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.open()
	s := w.status(id)
	if s.PID != pid || s.State != plane.Running || !s.Booted || !s.Ready {
		w.t.Errorf("found again: %+v, want the process %d", s, pid)
	}
	w.until("the guest to answer the new engine", func() bool { return w.status(id).Reachable })
	if out, exit := w.run(id, "hostname"); exit != 0 || !strings.HasPrefix(out, "ip-10-0-0-5") {
		w.t.Errorf("hostname: %d %q", exit, out)
	}
}

// volumes attaches a volume, which appears under the name that was asked for,
// and detaches it.
func (w *world) volumes(id string) {
	w.t.Helper()
	w.empty("vol-data", 64)
	ctx := w.t.Context()
	a := plane.Attachment{Volume: "vol-data", Device: "/dev/sdf"}
	if err := w.engine.AttachVolume(ctx, id, a); err != nil {
		w.t.Fatal(err)
	}
	if err := w.engine.AttachVolume(ctx, id, a); err != nil {
		w.t.Errorf("attach again: %v", err)
	}
	if out, exit := w.run(id, "mkfs.ext4 /dev/sdf && mkdir -p /data && mount /dev/xvdf /data && echo kept >/data/file"); exit != 0 {
		w.t.Fatalf("use the volume: %d %s", exit, out)
	}
	if err := w.engine.DetachVolume(ctx, id, "/dev/sdf", false); !errors.Is(err, plane.ErrBusy) {
		w.t.Errorf("detach a mounted volume: %v, want ErrBusy", err)
	}
	if out, exit := w.run(id, "umount /data"); exit != 0 {
		w.t.Fatalf("umount: %s", out)
	}
	if err := w.engine.DetachVolume(ctx, id, "/dev/sdf", false); err != nil {
		w.t.Fatal(err)
	}
	if out, exit := w.run(id, "test ! -e /dev/sdf && test ! -e /dev/xvdf && test ! -e /dev/vdb"); exit != 0 {
		w.t.Errorf("it is still there: %s", out)
	}
	if err := w.engine.AttachVolume(ctx, id, plane.Attachment{Volume: "vol-data", Device: "/dev/sdg", ReadOnly: true}); err != nil {
		w.t.Fatal(err)
	}
	if out, exit := w.run(id, "mount -o ro /dev/sdg /data && cat /data/file"); exit != 0 || out != "kept\n" {
		w.t.Errorf("read it elsewhere: %d %q", exit, out)
	}
	if err := w.engine.DetachVolume(ctx, id, "/dev/sdg", true); err != nil {
		w.t.Errorf("detach by force: %v", err)
	}
}

// restarts freezes, reboots, stops, starts and removes a guest.
func (w *world) restarts(m plane.Machine) {
	t, ctx := w.t, w.t.Context()
	t.Helper()
	if err := w.engine.FreezeMachine(ctx, m.ID); err != nil {
		t.Fatal(err)
	}
	if s := w.status(m.ID); s.State != plane.Frozen || s.Reachable {
		t.Errorf("frozen: %+v", s)
	}
	if err := w.engine.ThawMachine(ctx, m.ID); err != nil {
		t.Fatal(err)
	}
	if u, err := w.engine.Sample(ctx, m.ID); err != nil || u.CPU == 0 || u.DiskWriteOps == 0 {
		t.Errorf("it has used %+v, %v", u, err)
	}
	picture, err := w.engine.Screenshot(ctx, m.ID)
	if err != nil || !bytes.HasPrefix(picture, []byte("\x89PNG")) {
		t.Errorf("its screen: %d bytes, %v", len(picture), err)
	}
	w.run(m.ID, "echo still here >/root/kept; sync")
	pid := w.status(m.ID).PID
	w.run(m.ID, "reboot")
	w.until("the guest to come back from its reboot", func() bool {
		s := w.status(m.ID)
		return strings.Count(w.console(m.ID), "is up\n")+strings.Count(w.console(m.ID), "is up\r\n") == 2 && s.Ready && s.Reachable
	})
	if got := w.status(m.ID).PID; got != pid {
		t.Errorf("process %d after the reboot, %d before", got, pid)
	}
	watch := clock.Start()
	if err := w.engine.StopMachine(ctx, m.ID, time.Minute); err != nil {
		t.Fatal(err)
	}
	t.Logf("stopped after %v", watch.Elapsed().Round(10*time.Millisecond))
	if s := w.status(m.ID); s.State != plane.Stopped || s.Reason != "stopped" {
		t.Errorf("stopped: %+v", s)
	}
	if !strings.Contains(w.console(m.ID), "pileus: down") {
		t.Error("it was not asked to shut down")
	}
	if err := w.engine.EnsureMachine(ctx, m); err != nil {
		t.Fatal(err)
	}
	w.ready(m.ID)
	w.until("the guest to answer", func() bool { return w.status(m.ID).Reachable })
	if out, exit := w.run(m.ID, "cat /root/kept"); exit != 0 || out != "still here\n" {
		t.Errorf("what was on its disk: %d %q", exit, out)
	}
	ended := make(chan plane.MachineStatus, 8)
	w.engine.WatchMachines(func(s plane.MachineStatus) { ended <- s })
	w.run(m.ID, "shutdown -h now")
	w.until("the guest to end", func() bool { return w.status(m.ID).State == plane.Stopped })
	if s := w.status(m.ID); s.Reason != "shutdown" {
		t.Errorf("shut down from inside: %+v", s)
	}
	w.until("somebody to be told", func() bool { return len(ended) > 0 })
	if err := w.engine.RemoveMachine(ctx, m.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.engine.MachineStatus(ctx, m.ID); !errors.Is(err, plane.ErrNotFound) {
		t.Errorf("removed: %v", err)
	}
}
