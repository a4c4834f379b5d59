package node_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	api "pileus/api/ec2"
	"pileus/node"
	"pileus/plane"
	"pileus/plane/sim"
)

// TestSnapshotHoldsVolumes saves a cloud with a volume, changes what is on it,
// and loads the snapshot. What an encrypted volume holds is in no file.
func TestSnapshotHoldsVolumes(t *testing.T) {
	for name, encrypted := range map[string]bool{"plain": false, "encrypted": true} {
		t.Run(name, func(t *testing.T) { snapshotHolds(t, encrypted) })
	}
}

func snapshotHolds(t *testing.T, encrypted bool) {
	saved, kept, data := t.TempDir(), t.TempDir(), t.TempDir()
	disks := sim.New(kept)
	w := begin(t, node.Options{DataDir: data, SnapshotDir: saved, Plane: disks})
	c := w.node.Gate().NewCall(context.Background(), "", node.DefaultAccount, node.DefaultRegion)
	v, err := api.CreateVolume.Call(c, &api.CreateVolumeInput{AvailabilityZone: new("us-east-1a"), Size: new(int32(1)), Encrypted: &encrypted})
	w.check(err)
	id := *v.VolumeId
	w.check(w.node.Drain(t.Context()))
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
	if copies, err := filepath.Glob(filepath.Join(data, "*", "volumes")); err != nil || len(copies) > 0 {
		t.Errorf("volumes were copied to %v, %v", copies, err)
	}
	list, err := disks.Volumes(t.Context())
	w.check(err)
	if len(list) != 1 || list[0].Used > 1<<20 || list[0].Encrypted != encrypted {
		t.Errorf("the volumes are %+v: one was wanted, and as sparse as it was", list)
	}
	for _, dir := range []string{saved, kept} {
		if found := holdsText(t, dir, at, "as it was"); found == encrypted {
			t.Errorf("in the clear below %s: %v", dir, found)
		}
	}
}

// holdsText tells whether a file below a folder holds a text at a place.
func holdsText(t *testing.T, dir string, at int64, text string) (found bool) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		b := make([]byte, len(text))
		if n, _ := f.ReadAt(b, at); string(b[:n]) == text { // most are shorter
			found = true
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return found
}

// withoutCipher is a plane that may lose the ability to encrypt.
type withoutCipher struct {
	*sim.Plane
	lost error
}

func (p *withoutCipher) CanEncrypt() error { return p.lost }

// TestEncryptedVolumesThatCannotBeLoaded: the snapshot is refused, and the cloud
// stays as it is.
func TestEncryptedVolumesThatCannotBeLoaded(t *testing.T) {
	disks := &withoutCipher{Plane: sim.New(t.TempDir())}
	w := begin(t, node.Options{DataDir: t.TempDir(), SnapshotDir: t.TempDir(), Plane: disks})
	create := func(encrypted bool) error {
		c := w.node.Gate().NewCall(t.Context(), "", node.DefaultAccount, node.DefaultRegion)
		_, err := api.CreateVolume.Call(c, &api.CreateVolumeInput{AvailabilityZone: new("us-east-1a"), Size: new(int32(1)), Encrypted: &encrypted})
		return errors.Join(err, w.node.Clock().Advance(t.Context(), 0))
	}
	w.check(create(true))
	_, err := w.node.Save(t.Context(), "disks")
	w.check(err)
	w.check(create(false))
	disks.lost = fmt.Errorf("%w: there is no cipher", plane.ErrUnsupported)
	if _, err := w.node.Load(t.Context(), "disks"); err == nil || !strings.Contains(err.Error(), "there is no cipher") {
		t.Errorf("loaded: %v, want why not", err)
	}
	if list, err := disks.Volumes(t.Context()); err != nil || len(list) != 2 {
		t.Errorf("the volumes are %+v, %v, want both", list, err)
	}
	disks.lost = nil
	_, err = w.node.Load(t.Context(), "disks")
	w.check(err)
	if list, err := disks.Volumes(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("the volumes are %+v, %v, want the one that was saved", list, err)
	}
}
