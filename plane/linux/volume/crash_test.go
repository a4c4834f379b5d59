//go:build linux

package volume

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"pileus/clock"
	"pileus/plane"
	"pileus/plane/planetest"
	"pileus/plane/sealed"
)

func stopwatch() (seconds func() float64) {
	w := clock.Start()
	return func() float64 { return w.Elapsed().Seconds() }
}

// TestMain lets the test program play the other processes.
func TestMain(m *testing.M) {
	Serve()
	ServeEncrypted()
	switch os.Getenv("VOLUME_TEST_ROLE") {
	case "machine":
		playMachine(os.Args[1], os.Args[2])
	case "keeper":
		playKeeper(os.Args[1])
	case "opener":
		playOpener(os.Args[1])
	}
	ownMounts()
	os.Exit(m.Run())
}

// ownMounts starts the tests again in a mount namespace of their own: machines
// that are made meanwhile elsewhere would hold copies of their mounts.
func ownMounts() {
	const done = "VOLUME_TEST_OWN_MOUNTS"
	unshare, err := exec.LookPath("unshare")
	if err != nil || os.Geteuid() != 0 || os.Getenv(done) != "" {
		return
	}
	err = syscall.Exec(unshare, append([]string{"unshare", "--mount", os.Args[0]}, os.Args[1:]...), append(os.Environ(), done+"=1"))
	fmt.Fprintln(os.Stderr, err) // the tests run all the same
}

// playMachine mounts a device in a mount namespace of its own and writes one
// numbered file for each line that it is told, synced.
func playMachine(dev, dir string) {
	fatal := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, "machine:", err)
			os.Exit(1)
		}
	}
	fatal(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	fatal(unix.Mount(dev, dir, "ext4", 0, ""))
	fmt.Println("mounted")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		f, err := os.Create(filepath.Join(dir, lines.Text()))
		fatal(err)
		_, err = f.WriteString(lines.Text())
		fatal(err)
		fatal(f.Sync())
		fatal(f.Close())
		fmt.Println("wrote", lines.Text())
	}
	fatal(unix.Unmount(dir, 0))
	os.Exit(0)
}

// playKeeper freezes vol-1 and is killed meanwhile.
func playKeeper(dir string) {
	s, err := Open(Options{Cloud: "test", Dir: dir})
	if err == nil {
		err = s.FreezeVolume(context.Background(), "vol-1", func(plane.VolumeContent) error {
			fmt.Println("frozen")
			select {}
		})
	}
	fmt.Fprintln(os.Stderr, "keeper:", err)
	os.Exit(1)
}

// playOpener opens vol-1, says as what, and is killed.
func playOpener(dir string) {
	s, err := Open(Options{Cloud: "test", Dir: dir})
	if err == nil {
		s.SealWith(planetest.MasterKey)
		var dev string
		if dev, err = s.OpenVolume(context.Background(), "vol-1"); err == nil {
			fmt.Println(dev)
			select {}
		}
	}
	fmt.Fprintln(os.Stderr, "opener:", err)
	os.Exit(1)
}

// child is this program in another role.
type child struct {
	t   *testing.T
	cmd *exec.Cmd
	in  *os.File
	out *bufio.Scanner
}

func start(t *testing.T, role string, flags uintptr, args ...string) *child {
	t.Helper()
	return startIn(t, (*exec.Cmd).Start, role, flags, args...)
}

// startIn starts it in its own way.
func startIn(t *testing.T, begin func(*exec.Cmd) error, role string, flags uintptr, args ...string) *child {
	t.Helper()
	r, w, err := os.Pipe()
	must(t, err)
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), "VOLUME_TEST_ROLE="+role)
	cmd.Stdin, cmd.Stderr = r, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, begin(cmd))
	must(t, r.Close())
	c := &child{t, cmd, w, bufio.NewScanner(out)}
	t.Cleanup(c.stop)
	return c
}

func (c *child) tell(line string) {
	_, err := fmt.Fprintln(c.in, line)
	must(c.t, err)
}

func (c *child) expect(line string) {
	c.t.Helper()
	if !c.out.Scan() || c.out.Text() != line {
		c.t.Fatalf("%q, not %q", c.out.Text(), line)
	}
}

// stop ends the input and waits: a machine unmounts.
func (c *child) stop() {
	if c.cmd == nil {
		return
	}
	_ = c.in.Close() // a second time does no harm
	_ = c.cmd.Wait() // one that was killed says so
	c.cmd = nil
}

// mountable makes a volume with an empty file system, mounted in a machine.
func mountable(t *testing.T) (*Store, *child) {
	withDevices(t)
	if err := findTools(); err != nil {
		t.Skip(err)
	}
	s := store(t, t.TempDir())
	must(t, s.CreateRoot(t.Context(), "vol-1", plane.Image{Kind: plane.HostOverlay}, 256<<20))
	m := start(t, "machine", syscall.CLONE_NEWNS, open(t, s, "vol-1"), t.TempDir())
	m.expect("mounted")
	return s, m
}

// TestFreezeMounted takes a copy while a machine writes: the copy is a clean
// file system that holds what was written before, and not what came after.
func TestFreezeMounted(t *testing.T) {
	s, m := mountable(t)
	m.tell("before")
	m.expect("wrote before")
	file := filepath.Join(t.TempDir(), "copy")
	must(t, s.FreezeVolume(t.Context(), "vol-1", func(c plane.VolumeContent) error {
		m.tell("during") // blocks in the kernel until the volume is thawed
		to, err := os.Create(file)
		if err != nil {
			return err
		}
		defer to.Close()
		return copySparse(to, c.(*content).File)
	}))
	m.expect("wrote during")
	fsck(t, file)
	if out := debugfs(t, file, "cat /before"); out != "before" {
		t.Errorf("the copy's file: %q", out)
	}
	if out := debugfs(t, file, "ls -p /"); strings.Contains(out, "during") {
		t.Errorf("the copy has what was written later: %s", out)
	}
	if err := s.CloseVolume(t.Context(), "vol-1"); err == nil {
		t.Error("a mounted volume was closed")
	}
	if err := s.RemoveVolume(t.Context(), "vol-1"); err == nil {
		t.Error("a mounted volume was removed")
	}
	m.tell("after")
	m.expect("wrote after")
	m.stop()
	must(t, s.CloseVolume(t.Context(), "vol-1"))
	fsck(t, s.file("vol-1"))
}

// TestKilledWhileFrozen kills the process that holds a volume frozen; the next
// one thaws it.
func TestKilledWhileFrozen(t *testing.T) {
	s, m := mountable(t)
	k := start(t, "keeper", 0, s.dir)
	k.expect("frozen")
	m.tell("late")
	must(t, k.cmd.Process.Signal(syscall.SIGKILL))
	k.stop()
	next := store(t, s.dir)
	m.expect("wrote late")
	m.stop()
	must(t, next.CloseVolume(t.Context(), "vol-1"))
	fsck(t, next.file("vol-1"))
}

// TestKilledWhileCreating finds a volume half made: it is not there, and can be
// made again.
func TestKilledWhileCreating(t *testing.T) {
	dir := t.TempDir()
	s := store(t, dir)
	must(t, os.WriteFile(s.path(scratchDir, "vol-1"), []byte("half"), 0o600))
	s = store(t, dir)
	if list, err := s.Volumes(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("%v, %v", list, err)
	}
	if left, _ := os.ReadDir(s.path(scratchDir)); len(left) > 0 {
		t.Errorf("scratch: %v", left)
	}
	create(t, s, "vol-1", 1<<20)
}

func BenchmarkCreateAndOpen10GiB(b *testing.B) {
	withDevices(b)
	s := store(b, b.TempDir())
	for i := range b.N {
		id := fmt.Sprintf("vol-%d", i)
		create(b, s, id, 10<<30)
		open(b, s, id)
		b.StopTimer()
		must(b, s.RemoveVolume(b.Context(), id))
		b.StartTimer()
	}
}

func BenchmarkCreateRoot8GiB(b *testing.B) {
	s := store(b, b.TempDir())
	for i := range b.N {
		must(b, s.CreateRoot(b.Context(), fmt.Sprintf("vol-%d", i), plane.Image{Kind: plane.BuiltIn}, 8<<30))
	}
}

// TestFullDisk has volumes outgrow their disk: what was asked for fails with
// plane.ErrFull, and nothing is left of it.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a small disk is mounted, which needs root")
	}
	dir := t.TempDir()
	if err := unix.Mount("pileus-test", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skip("mount a small disk:", err)
	}
	t.Cleanup(func() { must(t, unix.Unmount(dir, 0)) })
	s := store(t, dir)
	create(t, s, "vol-1", 8<<20)
	err := s.WriteVolume(t.Context(), "vol-1", func(w io.WriterAt) error {
		_, err := w.WriteAt(make([]byte, 4<<20), 0)
		return err
	})
	if !errors.Is(err, plane.ErrFull) {
		t.Errorf("fill a volume: %v", err)
	}
	err = s.make("vol-2", nil, func(f *os.File, _ *sealed.Key) error {
		_, err := f.Write(make([]byte, 4<<20))
		return err
	})
	if !errors.Is(err, plane.ErrFull) {
		t.Errorf("make a volume: %v", err)
	}
	if list, err := s.Volumes(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("volumes: %v, %v", list, err)
	}
}
