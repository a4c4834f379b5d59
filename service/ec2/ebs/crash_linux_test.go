package ebs

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	api "pileus/api/ec2"
	"pileus/blob"
	"pileus/clock"
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/plane/linux/volume"
	"pileus/plane/planetest"
	"pileus/service/ec2/resource"
)

// TestMain lets the test program be the cloud that is killed.
func TestMain(m *testing.M) {
	volume.ServeEncrypted()
	if dir := os.Getenv("EBS_TEST_VICTIM"); dir != "" {
		playVictim(dir, os.Args[1])
	}
	os.Exit(m.Run())
}

// disks are real volumes without machines.
type disks struct {
	*volume.Store
	stall *atomic.Int64 // reads after which FreezeVolume stands still; nil: never
}

func (disks) AttachVolume(context.Context, string, plane.Attachment) error { return nil }
func (disks) DetachVolume(context.Context, string, string, bool) error     { return nil }
func (d disks) FreezeVolume(ctx context.Context, id string, f func(plane.VolumeContent) error) error {
	return d.Store.FreezeVolume(ctx, id, func(c plane.VolumeContent) error { return f(slow{c, d.stall}) })
}

// slow stands still after some reads.
type slow struct {
	plane.VolumeContent
	left *atomic.Int64
}

func (s slow) ReadAt(b []byte, at int64) (int, error) {
	if s.left != nil && s.left.Add(-1) < 0 {
		fmt.Println("in the middle")
		select {}
	}
	return s.VolumeContent.ReadAt(b, at)
}

// options of a cloud that keeps its state in a folder.
func options(dir string, stall *atomic.Int64) (node.Options, error) {
	s, err := volume.Open(volume.Options{Cloud: "crash", Dir: filepath.Join(dir, "volumes")})
	if err == nil {
		s.SealWith(planetest.MasterKey)
	}
	return node.Options{
		DataDir: filepath.Join(dir, "data"), Clock: clock.Still(nodetest.Epoch), Log: slog.New(slog.DiscardHandler),
		Modules: func(node.Parts) []cloud.Module {
			return []cloud.Module{resource.Module(New(disks{s, stall}).Room())}
		},
	}, err
}

// playVictim takes a snapshot of a volume, and is killed meanwhile.
func playVictim(dir, id string) {
	stall := new(atomic.Int64)
	stall.Store(100)
	o, err := options(dir, stall)
	var n *node.Node
	if err == nil {
		n, err = node.Start(context.Background(), o)
	}
	if err == nil {
		c := n.Gate().NewCall(context.Background(), "", nodetest.Account, nodetest.Region)
		_, err = api.CreateSnapshot.Call(c, &api.CreateSnapshotInput{VolumeId: id})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "victim:", err)
		os.Exit(1)
	}
	select {}
}

// restart starts the cloud of a folder in this process, until the returned
// function is called.
func restart(t *testing.T, dir string) (*stage, func()) {
	t.Helper()
	o, err := options(dir, nil)
	must(t, err)
	n, err := node.Start(t.Context(), o)
	must(t, err)
	w := &nodetest.World{Node: n, Endpoint: n.Endpoint(), T: t}
	return &stage{World: w}, func() { must(t, n.Stop(context.Background())) }
}

// store opens the volumes of a folder beside the cloud.
func disksOf(t *testing.T, dir string) *volume.Store {
	s, err := volume.Open(volume.Options{Cloud: "crash", Dir: filepath.Join(dir, "volumes")})
	must(t, err)
	s.SealWith(planetest.MasterKey)
	return s
}

const crashMiB = 96

// pattern is what a volume holds: a MiB of noise that follows from where it is.
func pattern(seed byte, n int) []byte {
	b := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{seed, byte(n)}).Read(b) // never fails
	return b
}

func fill(t *testing.T, s *volume.Store, id string, seed byte, from, to int) {
	t.Helper()
	must(t, s.WriteVolume(t.Context(), id, func(w io.WriterAt) error {
		for n := from; n < to; n++ {
			if _, err := w.WriteAt(pattern(seed, n), int64(n)<<20); err != nil {
				return err
			}
		}
		return nil
	}))
}

func check(t *testing.T, s *volume.Store, id string, seed func(n int) byte) {
	t.Helper()
	must(t, s.FreezeVolume(t.Context(), id, func(c plane.VolumeContent) error {
		got := make([]byte, 1<<20)
		for n := range crashMiB {
			if _, err := c.ReadAt(got, int64(n)<<20); err != nil {
				return err
			}
			if string(got) != string(pattern(seed(n), n)) {
				t.Errorf("%s differs at %d MiB", id, n)
				break
			}
		}
		return nil
	}))
}

// TestKilledInTheMiddle kills the cloud while it takes a snapshot: neither the
// volume nor the earlier snapshot suffers, the new snapshot is completed by
// the next process, and nothing is left of the attempt.
func TestKilledInTheMiddle(t *testing.T) {
	dir := t.TempDir()
	x, stop := restart(t, dir)
	s := disksOf(t, dir)
	v := x.volume(1)
	fill(t, s, v, 1, 0, crashMiB)
	first := x.snapshot(v)
	fill(t, s, v, 2, 10, 90) // some of it changes
	stop()

	cmd := exec.Command("/proc/self/exe", v)
	cmd.Env = append(os.Environ(), "EBS_TEST_VICTIM="+dir)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "in the middle" {
		t.Fatalf("the victim says %q", lines.Text())
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed

	x, stop = restart(t, dir)
	defer stop()
	s = disksOf(t, dir)
	x.Drain()
	changed := func(n int) byte {
		if n >= 10 && n < 90 {
			return 2
		}
		return 1
	}
	check(t, s, v, changed)
	check(t, s, x.from(first), func(int) byte { return 1 })
	list := do(x, &api.DescribeSnapshots, &api.DescribeSnapshotsInput{OwnerIds: []string{"self"}}).Snapshots
	if len(list) != 2 {
		t.Fatalf("%d snapshots", len(list))
	}
	content := filepath.Join(dir, "data")
	if len(files(t, content, 128<<10)) == 0 {
		t.Fatal("the snapshots have no files")
	}
	for _, n := range list {
		if *n.State != "completed" {
			t.Errorf("%s is %s", *n.SnapshotId, *n.State)
		}
		if *n.SnapshotId != first {
			check(t, s, x.from(*n.SnapshotId), changed)
		}
		do(x, &api.DeleteSnapshot, &api.DeleteSnapshotInput{SnapshotId: *n.SnapshotId})
	}
	_, err = x.Gate().Blobs().(*blob.Dir).Collect(t.Context()) // as at start, but now
	must(t, err)
	if left := files(t, content, 128<<10); len(left) > 0 {
		t.Errorf("content is left: %v", left)
	}
}

// files are the content files below a folder of at least a size.
func files(t *testing.T, dir string, size int64) (list []string) {
	must(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Base(filepath.Dir(filepath.Dir(path))) != "files" {
			return err
		}
		i, err := d.Info()
		if err == nil && i.Size() >= size {
			list = append(list, path)
		}
		return err
	}))
	return list
}

// TestImpaired: the status of an encrypted volume tells when the process that
// encrypts it has died and no other can take its place, here for want of the key.
func TestImpaired(t *testing.T) {
	dir := t.TempDir()
	x, stop := restart(t, dir)
	v := *do(x, &api.CreateVolume, &api.CreateVolumeInput{AvailabilityZone: new(zone), Size: new(int32(1)), Encrypted: new(true)}).VolumeId
	stop()
	s := disksOf(t, dir)
	if _, err := s.OpenVolume(t.Context(), v); errors.Is(err, plane.ErrUnsupported) {
		t.Skip(err)
	} else {
		must(t, err)
	}
	defer func() { must(t, s.Clear()) }()
	x, stop = restart(t, dir) // adopts the process
	defer stop()
	status := func() string {
		out := do(x, &api.DescribeVolumeStatus, &api.DescribeVolumeStatusInput{VolumeIds: []string{v}})
		info := out.VolumeStatuses[0].VolumeStatus
		return *info.Status + " " + *info.Details[0].Status
	}
	if got := status(); got != "ok passed" {
		t.Errorf("the volume is %s", got)
	}
	var record struct{ PID int }
	b, err := os.ReadFile(filepath.Join(dir, "volumes", "ciphers", v))
	must(t, errors.Join(err, json.Unmarshal(b, &record)))
	must(t, os.Remove(filepath.Join(dir, "volumes", "volumes", v+".key")))
	must(t, syscall.Kill(record.PID, syscall.SIGKILL))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for status() != "impaired failed" {
		if ctx.Err() != nil {
			t.Fatalf("the volume is %s", status())
		}
	}
}
