package ebs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/plane/sim"
	"pileus/store"
)

// TestEncryptedAtRest has volumes come to be encrypted in each way that there
// is: what is written to them is in no file, and is there for who reads them.
func TestEncryptedAtRest(t *testing.T) {
	const marker = "what nobody may find on the disk"
	x := newStage(t)
	with := func(in *api.CreateVolumeInput) string {
		in.AvailabilityZone = new(zone)
		return *do(x, &api.CreateVolume, in).VolumeId
	}
	asked := with(&api.CreateVolumeInput{Size: new(int32(1)), Encrypted: new(true)})
	x.write(asked, 12345, marker)
	taken := x.snapshot(asked)
	plain := x.volume(1)
	x.write(plain, 12345, "in the clear")
	copied := *do(x, &api.CopySnapshot, &api.CopySnapshotInput{SourceRegion: x.Call().Region, SourceSnapshotId: x.snapshot(plain), Encrypted: new(true)}).SnapshotId
	do(x, &api.ModifyVolume, &api.ModifyVolumeInput{VolumeId: asked, Size: new(int32(2))})

	restored := with(&api.CreateVolumeInput{SnapshotId: &taken})
	ofCopy := with(&api.CreateVolumeInput{SnapshotId: &copied})
	launched := x.launched(taken)
	do(x, &api.EnableEbsEncryptionByDefault, &api.EnableEbsEncryptionByDefaultInput{})
	byDefault := with(&api.CreateVolumeInput{Size: new(int32(1))})
	x.write(byDefault, 12345, marker)

	list, err := x.plane.Volumes(t.Context())
	must(t, err)
	encrypted := map[string]bool{}
	for _, v := range list {
		encrypted[v.ID] = v.Encrypted
	}
	for name, id := range map[string]string{
		"asked for": asked, "of its snapshot": restored, "of an encrypted copy": ofCopy, "by default": byDefault,
		"the root of an instance": launched[0], "a disk of an instance": launched[1],
	} {
		if !encrypted[id] {
			t.Errorf("%s: not encrypted", name)
		}
	}
	if on, known := encrypted[plain]; on || !known {
		t.Errorf("the plain one: %v, %v", on, known)
	}
	x.holds(asked, 12345, marker)
	x.holds(restored, 12345, marker)
	x.holds(launched[1], 12345, marker)
	x.holds(ofCopy, 12345, "in the clear")
	if !inFiles(t, x.dir, "in the clear") {
		t.Error("what an unencrypted volume holds was not found: the search is worth nothing")
	}
	if inFiles(t, x.dir, marker) {
		t.Error("in the clear")
	}
}

// launched are volumes of an instance that was launched with encrypted ones: a
// root, and a disk of a snapshot.
func (x *stage) launched(snapshot string) (ids []string) {
	x.T.Helper()
	i := x.instance(1, "pending")
	c := x.Call()
	must(x.T, c.Update(func(tx store.Tx) error {
		placed, err := x.room.Launch(c, tx, i, zone, []Mapping{
			{Device: "/dev/xvda", EBS: &api.EbsBlockDevice{VolumeSize: new(int32(1)), Encrypted: new(true)}, Image: &plane.Image{ID: "ami-1", Kind: plane.BuiltIn}},
			{Device: "/dev/sdf", EBS: &api.EbsBlockDevice{SnapshotId: &snapshot}},
		})
		ids = nil
		for _, p := range placed {
			ids = append(ids, p.Volume)
		}
		return err
	}))
	_, err := x.room.Boot(x.Call(), i)
	must(x.T, err)
	return ids
}

// inFiles tells whether a text lies somewhere in the first MiB of a file in a
// folder.
func inFiles(t *testing.T, dir, text string) bool {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		f, err := os.Open(filepath.Join(dir, e.Name()))
		must(t, err)
		b := make([]byte, 1<<20)
		n, _ := f.ReadAt(b, 0) // some are shorter
		must(t, f.Close())
		if bytes.Contains(b[:n], []byte(text)) {
			return true
		}
	}
	return false
}

// inTheClear is a plane that keeps everything in the clear.
type inTheClear struct{ *sim.Plane }

func (inTheClear) CanEncrypt() error {
	return fmt.Errorf("%w: there is no cipher", plane.ErrUnsupported)
}

// TestEncryptionIsRefusedWhereThereIsNone: no volume says that it is encrypted
// and is not, however one asks for it.
func TestEncryptionIsRefusedWhereThereIsNone(t *testing.T) {
	x := newStage(t)
	create := func(encrypted *bool) error {
		_, err := nodetest.Try(x.World, &api.CreateVolume, &api.CreateVolumeInput{AvailabilityZone: new(zone), Size: new(int32(1)), Encrypted: encrypted})
		return err
	}
	must(t, create(new(true)))
	x.room.plane = inTheClear{x.plane}
	must(t, create(nil))
	fails(t, create(new(true)), "UnsupportedOperation", "there is no cipher")
	do(x, &api.EnableEbsEncryptionByDefault, &api.EnableEbsEncryptionByDefaultInput{})
	fails(t, create(nil), "UnsupportedOperation", "there is no cipher")
	must(t, x.Call().View(func(r store.Reader) error {
		list := []Mapping{{Device: "/dev/xvda", EBS: &api.EbsBlockDevice{VolumeSize: new(int32(1))}, Image: &plane.Image{ID: "ami-1", Kind: plane.BuiltIn}}}
		fails(t, x.room.CheckMappings(x.Call(), r, zone, list), "UnsupportedOperation", "there is no cipher")
		return nil
	}))
	if n := len(do(x, &api.DescribeVolumes, &api.DescribeVolumesInput{}).Volumes); n != 2 {
		t.Errorf("there are %d volumes, want those that were not refused", n)
	}
}
