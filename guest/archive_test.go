//go:build linux

package guest

import (
	"archive/tar"
	"bytes"
	"io"
	"path"
	"testing"
)

// TestArchive reads the built-in image back: folders come before what is in
// them, nothing is there twice, and what a login needs is there.
func TestArchive(t *testing.T) {
	var first, second bytes.Buffer
	for _, b := range []*bytes.Buffer{&first, &second} {
		if err := Archive(b); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("two archives differ")
	}
	seen := map[string]*tar.Header{}
	for r := tar.NewReader(&first); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		name := path.Clean(h.Name)
		if seen[name] != nil {
			t.Errorf("%s is there twice", name)
		}
		if d := path.Dir(name); d != "." && (seen[d] == nil || seen[d].Typeflag != tar.TypeDir) {
			t.Errorf("%s comes before its folder", name)
		}
		seen[name] = h
	}
	for name, kind := range map[string]byte{
		"usr/bin/sh": tar.TypeSymlink, "etc/passwd": tar.TypeReg, "home/ec2-user": tar.TypeDir,
		"usr/lib/pileus/pileus": tar.TypeReg, "tmp": tar.TypeDir, "proc": tar.TypeDir,
	} {
		if seen[name] == nil || seen[name].Typeflag != kind {
			t.Errorf("%s is missing or of another kind", name)
		}
	}
	if h := seen["usr/bin/sh"]; h != nil && h.Linkname != Program {
		t.Errorf("sh leads to %s", h.Linkname)
	}
}
