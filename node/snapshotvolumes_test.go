package node_test

import (
	"bytes"
	"context"
	"io"
	"testing"

	api "pileus/api/ec2"
	"pileus/node"
	"pileus/plane"
	"pileus/plane/sim"
)

// TestSnapshotHoldsVolumes saves a cloud with a volume, changes what is on it,
// and loads the snapshot.
func TestSnapshotHoldsVolumes(t *testing.T) {
	disks := sim.New(t.TempDir())
	w := begin(t, node.Options{DataDir: t.TempDir(), SnapshotDir: t.TempDir(), Plane: disks})
	c := w.node.Gate().NewCall(context.Background(), "", node.DefaultAccount, node.DefaultRegion)
	v, err := api.CreateVolume.Call(c, &api.CreateVolumeInput{AvailabilityZone: "us-east-1a", Size: new(int32(1))})
	w.check(err)
	id := *v.VolumeId
	w.check(w.node.Clock().Advance(t.Context(), 0)) // what is due has run
	const at = 700 << 20
	write := func(text string) {
		t.Helper()
		w.check(disks.WriteVolume(t.Context(), id, func(d io.WriterAt) error { _, err := d.WriteAt([]byte(text), at); return err }))
	}
	holds := func(text string) {
		t.Helper()
		got := make([]byte, len(text))
		w.check(disks.ReadVolume(t.Context(), id, func(d plane.VolumeContent) error {
			if d.Size() != 1<<30 {
				t.Errorf("the volume has %d bytes", d.Size())
			}
			_, err := d.ReadAt(got, at)
			return err
		}))
		if !bytes.Equal(got, []byte(text)) {
			t.Errorf("the volume holds %q, want %q", got, text)
		}
	}
	write("as it was")
	_, err = w.node.Save(t.Context(), "disks")
	w.check(err)
	write("destroyed")
	for range 2 {
		_, err = w.node.Load(t.Context(), "disks")
		w.check(err)
		holds("as it was")
	}
	list, err := disks.Volumes(t.Context())
	w.check(err)
	if len(list) != 1 || list[0].Used > 1<<20 {
		t.Errorf("the volumes are %+v: one was wanted, and as sparse as it was", list)
	}
}
