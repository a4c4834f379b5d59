//go:build linux

package machine

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pileus/clock"
	"pileus/plane"
	"pileus/plane/linux/process"
)

// raw makes and opens a volume without a file system.
func (w *world) raw(id string) {
	w.t.Helper()
	if w.files != nil {
		if err := w.files.CreateVolume(w.t.Context(), id, 1<<30); err != nil {
			w.t.Fatal(err)
		}
		return
	}
	file := filepath.Join(w.dir, id+".img")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Truncate(file, 1<<30); err != nil {
		w.t.Fatal(err)
	}
	device := w.command("losetup", "-f", "--show", file)
	w.mu.Lock()
	w.loops[id] = device
	w.mu.Unlock()
	if err := os.WriteFile(filepath.Join(w.dir, id+".device"), []byte(device), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// TestVolume attaches a volume to a machine that runs, as the course does it.
func TestVolume(t *testing.T) { attach(t, newWorld(t)) }

// TestVolumeFile does so where there are no block devices.
func TestVolumeFile(t *testing.T) {
	w := makeWorld(t, true)
	attach(t, w)
	before, err := w.machines.Sample(t.Context(), "i-1")
	if err != nil || before.MemoryBytes == 0 {
		t.Errorf("a machine without control groups uses %+v, %v", before, err)
	}
	w.until("stress to have used a tenth of a second of a processor", func() bool {
		w.must("i-1", "stress --cpu 1 --timeout 1")
		after, err := w.machines.Sample(t.Context(), "i-1")
		return err == nil && after.CPU-before.CPU >= 100*time.Millisecond
	})
	m := w.machines.units["i-1"].record.Machine
	m.ID, m.Image.Kind = "i-2", plane.HostOverlay
	if err := w.machines.EnsureMachine(t.Context(), m); !errors.Is(err, plane.ErrUnsupported) {
		t.Errorf("a machine of the host's userland: %v, want ErrUnsupported", err)
	}
}

func attach(t *testing.T, w *world) {
	t.Helper()
	m := w.boot("i-1", nil)
	w.raw("vol-data")
	ctx := t.Context()
	if out, _ := w.run("i-1", "ls /dev/sdf /dev/xvdf 2>/dev/null"); out != "" {
		t.Fatalf("there before it was attached: %s", out)
	}
	a := plane.Attachment{Volume: "vol-data", Device: "/dev/sdf"}
	for range 2 { // the second time changes nothing
		if err := w.machines.AttachVolume(ctx, "i-1", a); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.machines.AttachVolume(ctx, "i-1", plane.Attachment{Volume: "vol-i-1", Device: "/dev/sdf"}); !errors.Is(err, plane.ErrBusy) {
		t.Errorf("a second volume as the same device: %v", err)
	}
	w.must("i-1", `set -e
lsblk
file -s /dev/xvdf | grep ': data'
mkfs -t ext4 /dev/xvdf
mkdir /data
mount /dev/xvdf /data
echo precious > /data/file
df -h /data | grep '/dev/sdf'`)
	if err := w.machines.DetachVolume(ctx, "i-1", "/dev/sdf", false); !errors.Is(err, plane.ErrBusy) {
		t.Errorf("detach while it is mounted: %v, want ErrBusy", err)
	}
	w.must("i-1", "umount /data")
	if err := w.machines.DetachVolume(ctx, "i-1", "/dev/sdf", false); err != nil {
		t.Fatal(err)
	}
	if out, _ := w.run("i-1", "ls /dev/sdf /dev/xvdf 2>/dev/null"); out != "" {
		t.Errorf("there after it was detached: %s", out)
	}
	if err := w.machines.DetachVolume(ctx, "i-1", "/dev/sdf", false); err != nil {
		t.Errorf("detach what is not attached: %v", err)
	}

	// Elsewhere under another name, with the data; then taken away by force.
	if err := w.machines.AttachVolume(ctx, "i-1", plane.Attachment{Volume: "vol-data", Device: "/dev/xvdh"}); err != nil {
		t.Fatal(err)
	}
	w.must("i-1", "mount /dev/sdh /data && grep precious /data/file")
	w.run("i-1", "sleep 1000 < /data/file > /dev/null 2>&1 &")
	if err := w.machines.DetachVolume(ctx, "i-1", "/dev/xvdh", true); err != nil {
		t.Fatal(err)
	}
	if out, exit := w.run("i-1", "cat /data/file"); exit == 0 {
		t.Errorf("readable after it was taken away: %s", out)
	}

	// What is attached when it boots is there, and stays through a reboot.
	if err := w.machines.StopMachine(ctx, "i-1", 20*time.Second); err != nil {
		t.Fatal(err)
	}
	m.Volumes = []plane.Attachment{{Volume: "vol-data", Device: "/dev/sdg", ReadOnly: true}}
	if err := w.machines.EnsureMachine(ctx, m); err != nil {
		t.Fatal(err)
	}
	w.ready("i-1")
	w.must("i-1", "mount -o ro,noload /dev/xvdg /data && grep precious /data/file")
	if out, exit := w.run("i-1", "echo x > /dev/sdg"); exit == 0 {
		t.Errorf("a read-only volume was written to: %s", out)
	}
}

// must runs a script that must succeed.
func (w *world) must(id, script string) string {
	w.t.Helper()
	out, exit := w.run(id, script)
	if exit != 0 {
		w.t.Fatalf("%s\nexit %d:\n%s", script, exit, out)
	}
	return out
}

// TestIsolation tries what no machine may do.
func TestIsolation(t *testing.T) {
	w := newWorld(t)
	w.boot("i-1", nil)
	w.raw("vol-other")
	other := w.loops["vol-other"]
	if err := os.WriteFile(filepath.Join(w.dir, "secret"), []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	minor := strings.TrimPrefix(other, "/dev/loop")
	for name, script := range map[string]string{
		"a block device of the host":   `python=no; mkdir -p /x; mount -t devtmpfs dev /x && head -c 1 /x/loop` + minor,
		"a file of the host":           "cat " + filepath.Join(w.dir, "secret"),
		"a process of the host":        "test $(ls -d /proc/[0-9]* | wc -l) -gt 20",
		"the host's time":              "sh -c 'exec /usr/lib/pileus/pileus' ; date -s 2001-01-01",
		"the kernel's values":          "echo 1 > /proc/sys/kernel/panic",
		"the host by SysRq":            "echo b > /proc/sysrq-trigger && test ! -c /proc/sysrq-trigger",
		"the kernel's memory":          "head -c 1 /proc/kcore | grep -q .",
		"devices of the host in sysfs": "echo 1 > /sys/block/loop0/queue/nomerges",
		"another user's files":         "sudo -u ec2-user cat /etc/shadow",
	} {
		t.Run(name, func(t *testing.T) {
			if out, exit := w.run("i-1", script); exit == 0 {
				t.Errorf("%s\nsucceeded: %s", script, out)
			}
		})
	}
	// What belongs to it, it may do.
	w.must("i-1", "sysctl -w net.ipv4.ip_forward=1")
	w.must("i-1", "hostname other && test $(hostname) = other")
}

// TestLimits looks for a machine's limits in what it can use.
func TestLimits(t *testing.T) {
	w := newWorld(t)
	m := w.boot("i-1", nil)
	if out, exit := w.run("i-1", "head -c 700000000 /dev/zero | tail -c 700000000 > /dev/null"); exit == 0 {
		t.Errorf("512 MiB of memory hold 700 MB: %s", out)
	}
	w.until("the machine is still there", func() bool { return w.status("i-1").Reachable })
	m.CPUShare, m.MemoryMiB = 0.2, 256
	if err := w.machines.EnsureMachine(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	watch := clock.Start()
	before, err := w.machines.Sample(t.Context(), "i-1")
	if err != nil {
		t.Fatal(err)
	}
	w.must("i-1", "stress --cpu 2 --timeout 1")
	after, err := w.machines.Sample(t.Context(), "i-1")
	if err != nil {
		t.Fatal(err)
	}
	took := watch.Elapsed() // a second, or however much longer it took here
	if used := after.CPU - before.CPU; used > took/5+400*time.Millisecond {
		t.Errorf("a fifth of a processor used %v in %v", used, took)
	}
}

// TestLost opens machines whose namespaces cannot be reached any more: they end,
// and it is told apart from a crash.
func TestLost(t *testing.T) {
	w := makeWorld(t, true)
	m := w.boot("i-1", nil)
	first := w.machines.units["i-1"].running().PID
	if err := w.machines.Close(); err != nil {
		t.Fatal(err)
	}
	o := w.options()
	o.Fresh = true
	fresh, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	w.machines = fresh
	if s := w.status("i-1"); s.State != plane.Stopped || s.Reason != lost {
		t.Errorf("a machine that is lost is %s: %s", s.State, s.Reason)
	}
	if _, err := process.BirthOf(first); err == nil {
		t.Error("it still runs")
	}
	if err := w.machines.EnsureMachine(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	w.ready("i-1")
}
