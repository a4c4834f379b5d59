package ebs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/plane/planetest"
	"pileus/plane/sim"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const zone = nodetest.Region + "a"

// stage is a cloud with block storage and a few instances that say of
// themselves what the test wants.
type stage struct {
	*nodetest.World
	room      *Room
	plane     *sim.Plane
	dir       string // of the plane's files
	instances map[string]Instance
}

func newStage(t testing.TB, more ...cloud.Module) *stage {
	dir := t.TempDir()
	x := &stage{plane: sim.New(dir), dir: dir, instances: map[string]Instance{}}
	x.plane.SealWith(planetest.MasterKey)
	x.room = New(x.plane)
	x.room.Instances = func(_ *cloud.Call, _ store.Reader, id string) (Instance, error) {
		if i, ok := x.instances[id]; ok {
			return i, nil
		}
		return Instance{}, resource.Errorf("InvalidInstanceID.NotFound", "The instance ID '%s' does not exist", id)
	}
	x.World = nodetest.With(t, func(node.Parts) []cloud.Module {
		return append([]cloud.Module{resource.Module(x.room.Room())}, more...)
	})
	return x
}

// instance has an instance in a state, with its machine where it runs.
func (x *stage) instance(n byte, state string) string {
	id := "i-0" + strings.Repeat(string('0'+n), 16)
	x.instances[id] = Instance{ID: id, Zone: zone, State: state, RootDevice: "/dev/xvda"}
	if state == "running" {
		must(x.T, x.plane.EnsureMachine(context.Background(), plane.Machine{ID: id}))
	}
	return id
}

// try performs an operation as root.
func try[In, Out any](x *stage, op *cloud.Op[In, Out], in In) (Out, error) {
	return nodetest.Try(x.World, op, in)
}

// do performs an operation as root, and what follows from it.
func do[In, Out any](x *stage, op *cloud.Op[In, Out], in In) Out {
	x.T.Helper()
	out := nodetest.Do(x.World, op, in)
	x.Drain()
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fails checks an error's code and a part of its message; "" for no error.
func fails(t testing.TB, err error, code, message string) {
	t.Helper()
	var e *cloud.Error
	switch {
	case err == nil && code == "":
	case !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message, message):
		t.Errorf("got %v; want %s: %s", err, code, message)
	}
}

// volume makes a volume.
func (x *stage) volume(gib int32) string {
	x.T.Helper()
	return *do(x, &api.CreateVolume, &api.CreateVolumeInput{AvailabilityZone: new(zone), Size: &gib, VolumeType: new("gp3")}).VolumeId
}

func (x *stage) snapshot(volume string) string {
	x.T.Helper()
	id := *do(x, &api.CreateSnapshot, &api.CreateSnapshotInput{VolumeId: volume}).SnapshotId
	if s := x.seen(id); *s.State != "completed" || *s.Progress != "100%" {
		x.T.Fatalf("the snapshot is %s, %s", *s.State, *s.Progress)
	}
	return id
}

func (x *stage) show(volume string) api.Volume {
	x.T.Helper()
	return do(x, &api.DescribeVolumes, &api.DescribeVolumesInput{VolumeIds: []string{volume}}).Volumes[0]
}

func (x *stage) seen(snapshot string) api.Snapshot {
	x.T.Helper()
	return do(x, &api.DescribeSnapshots, &api.DescribeSnapshotsInput{SnapshotIds: []string{snapshot}}).Snapshots[0]
}

// write writes to a volume as an instance would.
func (x *stage) write(volume string, at int64, text string) {
	x.T.Helper()
	must(x.T, x.plane.WriteVolume(context.Background(), volume, func(w io.WriterAt) error {
		_, err := w.WriteAt([]byte(text), at)
		return err
	}))
}

// holds checks what a volume holds.
func (x *stage) holds(volume string, at int64, text string) {
	x.T.Helper()
	must(x.T, x.plane.FreezeVolume(context.Background(), volume, func(c plane.VolumeContent) error {
		got := make([]byte, len(text))
		if _, err := c.ReadAt(got, at); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if !bytes.Equal(got, []byte(text)) {
			x.T.Errorf("%s holds %q at %d, not %q", volume, got, at, text)
		}
		return nil
	}))
}
