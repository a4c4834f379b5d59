package planetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"testing"

	"pileus/plane"
	"pileus/plane/sealed"
)

// Volumes is the contract of plane.Volumes, step by step; each step gets an
// empty set of volumes, and then one all of whose volumes are encrypted.
func Volumes(t *testing.T, open func(t *testing.T) plane.Volumes) {
	for _, step := range []struct {
		name string
		run  func(*testing.T, plane.Volumes)
	}{
		{"create once", createOnce},
		{"write and read", writeAndRead},
		{"data extents", dataExtents},
		{"grow", grow},
		{"remove", remove},
		{"missing volumes", missingVolumes},
		{"errors pass through", errorsPass},
		{"freeze two at once", freezeTwo},
		{"roots", roots},
	} {
		t.Run(step.name, func(t *testing.T) { step.run(t, open(t)) })
		t.Run(step.name+", encrypted", func(t *testing.T) {
			v := open(t)
			v.SealWith(MasterKey)
			step.run(t, encrypted{v})
		})
	}
	t.Run("encrypted without a key", func(t *testing.T) {
		if err := open(t).CreateVolume(t.Context(), "vol-1", mib, plane.Encrypted); !errors.Is(err, sealed.ErrKey) {
			t.Errorf("made: %v", err)
		}
	})
}

// MasterKey is one for tests.
var MasterKey = []byte("the master key of clouds in test")

// encrypted are volumes all of which are.
type encrypted struct{ volumes }

// volumes is plane.Volumes, so that the field does not hide the method.
type volumes = plane.Volumes

func (e encrypted) CreateVolume(ctx context.Context, id string, size int64, _ ...plane.VolumeOption) error {
	return e.volumes.CreateVolume(ctx, id, size, plane.Encrypted)
}

func (e encrypted) CreateRoot(ctx context.Context, id string, image plane.Image, size int64, _ ...plane.VolumeOption) error {
	return e.volumes.CreateRoot(ctx, id, image, size, plane.Encrypted)
}

const mib = 1 << 20

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// find is a volume as Volumes lists it.
func find(t *testing.T, v plane.Volumes, id string) (plane.VolumeStatus, bool) {
	t.Helper()
	list, err := v.Volumes(t.Context())
	must(t, err)
	i := slices.IndexFunc(list, func(s plane.VolumeStatus) bool { return s.ID == id })
	if i < 0 {
		return plane.VolumeStatus{}, false
	}
	return list[i], true
}

func write(t *testing.T, v plane.Volumes, id string, at int64, b []byte) {
	t.Helper()
	must(t, v.WriteVolume(t.Context(), id, func(w io.WriterAt) error {
		_, err := w.WriteAt(b, at)
		return err
	}))
}

func createOnce(t *testing.T, v plane.Volumes) {
	must(t, v.CreateVolume(t.Context(), "vol-1", 8*mib))
	write(t, v, "vol-1", 0, []byte("kept"))
	must(t, v.CreateVolume(t.Context(), "vol-1", 8*mib))
	must(t, v.FreezeVolume(t.Context(), "vol-1", func(c plane.VolumeContent) error {
		b := make([]byte, 4)
		if _, err := c.ReadAt(b, 0); err != nil {
			return err
		}
		if string(b) != "kept" {
			t.Errorf("creating it again left %q", b)
		}
		return nil
	}))
	_, secret := v.(encrypted)
	if s, ok := find(t, v, "vol-1"); !ok || s.Size != 8*mib || s.Encrypted != secret || s.Fault != "" {
		t.Errorf("listed as %+v, %v", s, ok)
	}
}

func writeAndRead(t *testing.T, v plane.Volumes) {
	must(t, v.CreateVolume(t.Context(), "vol-1", 4*mib))
	want := bytes.Repeat([]byte("0123456789abcdef"), 4096)
	write(t, v, "vol-1", mib, want)
	look := func(c plane.VolumeContent) error {
		if c.Size() != 4*mib {
			t.Errorf("size %d", c.Size())
		}
		got := make([]byte, len(want))
		if _, err := c.ReadAt(got, mib); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if !bytes.Equal(got, want) {
			t.Error("what was read is not what was written")
		}
		return nil
	}
	must(t, v.FreezeVolume(t.Context(), "vol-1", look))
	must(t, v.ReadVolume(t.Context(), "vol-1", look))
}

// dataExtents: what lies outside of them reads as zeros.
func dataExtents(t *testing.T, v plane.Volumes) {
	must(t, v.CreateVolume(t.Context(), "vol-1", 16*mib))
	marks := []int64{0, 5*mib + 77, 15*mib + 4095}
	for _, at := range marks {
		write(t, v, "vol-1", at, []byte{1})
	}
	must(t, v.FreezeVolume(t.Context(), "vol-1", func(c plane.VolumeContent) error {
		list, err := c.Data()
		if err != nil {
			return err
		}
		end := int64(0)
		for _, e := range list {
			if e.Offset < end || e.Length <= 0 || e.Offset+e.Length > c.Size() {
				t.Errorf("extent %+v after %d", e, end)
			}
			end = e.Offset + e.Length
		}
		for _, at := range marks {
			if !slices.ContainsFunc(list, func(e plane.Extent) bool { return e.Offset <= at && at < e.Offset+e.Length }) {
				t.Errorf("no extent holds the byte at %d: %+v", at, list)
			}
		}
		return nil
	}))
}

func grow(t *testing.T, v plane.Volumes) {
	must(t, v.CreateVolume(t.Context(), "vol-1", 4*mib))
	write(t, v, "vol-1", 4*mib-1, []byte{7})
	for _, size := range []int64{8 * mib, 8 * mib, 4 * mib} { // again, and less: no change
		must(t, v.GrowVolume(t.Context(), "vol-1", size))
	}
	if s, _ := find(t, v, "vol-1"); s.Size != 8*mib {
		t.Errorf("grown to %d", s.Size)
	}
	write(t, v, "vol-1", 8*mib-1, []byte{8})
}

func remove(t *testing.T, v plane.Volumes) {
	must(t, v.CreateVolume(t.Context(), "vol-1", mib))
	must(t, v.RemoveVolume(t.Context(), "vol-1"))
	must(t, v.RemoveVolume(t.Context(), "vol-1"))
	if s, ok := find(t, v, "vol-1"); ok {
		t.Errorf("still there: %+v", s)
	}
}

func missingVolumes(t *testing.T, v plane.Volumes) {
	ctx := t.Context()
	for name, try := range map[string]func() error{
		"grow":   func() error { return v.GrowVolume(ctx, "vol-none", mib) },
		"freeze": func() error { return v.FreezeVolume(ctx, "vol-none", func(plane.VolumeContent) error { return nil }) },
		"read":   func() error { return v.ReadVolume(ctx, "vol-none", func(plane.VolumeContent) error { return nil }) },
		"write":  func() error { return v.WriteVolume(ctx, "vol-none", func(io.WriterAt) error { return nil }) },
	} {
		if err := try(); !errors.Is(err, plane.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := v.CloseVolume(ctx, "vol-none"); err != nil && !errors.Is(err, plane.ErrNotFound) {
		t.Errorf("close: %v", err)
	}
	must(t, v.RemoveVolume(ctx, "vol-none"))
}

func errorsPass(t *testing.T, v plane.Volumes) {
	mine := errors.New("mine")
	must(t, v.CreateVolume(t.Context(), "vol-1", mib))
	if err := v.FreezeVolume(t.Context(), "vol-1", func(plane.VolumeContent) error { return mine }); !errors.Is(err, mine) {
		t.Errorf("freeze: %v", err)
	}
	if err := v.WriteVolume(t.Context(), "vol-1", func(io.WriterAt) error { return mine }); !errors.Is(err, mine) {
		t.Errorf("write: %v", err)
	}
}

// freezeTwo: snapshots of several volumes are of one moment.
func freezeTwo(t *testing.T, v plane.Volumes) {
	must(t, v.CreateVolume(t.Context(), "vol-1", mib))
	must(t, v.CreateVolume(t.Context(), "vol-2", mib))
	frozen := false
	must(t, v.FreezeVolume(t.Context(), "vol-1", func(plane.VolumeContent) error {
		return v.FreezeVolume(t.Context(), "vol-2", func(plane.VolumeContent) error { frozen = true; return nil })
	}))
	if !frozen {
		t.Error("the second was not frozen")
	}
}

func roots(t *testing.T, v plane.Volumes) {
	for _, kind := range []plane.ImageKind{plane.BuiltIn, plane.HostOverlay} {
		id := "vol-" + string(kind)
		err := v.CreateRoot(context.Background(), id, plane.Image{ID: "ami-1", Kind: kind}, 1<<30)
		if errors.Is(err, plane.ErrUnsupported) {
			t.Skip(err)
		}
		must(t, err)
		if s, ok := find(t, v, id); !ok || s.Size != 1<<30 {
			t.Errorf("%s: %+v, %v", kind, s, ok)
		}
	}
}
