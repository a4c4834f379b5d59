package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// files makes a tar archive.
func files(t *testing.T, content map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, text := range content {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// layered is an image of two layers, the second of which removes a file of the
// first.
func layered(t *testing.T) v1.Image {
	t.Helper()
	img := v1.Image(empty.Image)
	for _, content := range []map[string]string{{"etc/motd": "hello", "etc/gone": "x"}, {"etc/.wh.gone": "", "bin/tool": "y"}} {
		data := files(t, content)
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
		if err != nil {
			t.Fatal(err)
		}
		if img, err = mutate.AppendLayers(img, layer); err != nil {
			t.Fatal(err)
		}
	}
	return img
}

// TestOpenImage: all kinds of sources become the same files.
func TestOpenImage(t *testing.T) {
	dir := t.TempDir()
	img := layered(t)
	server := httptest.NewServer(registry.New())
	defer server.Close()
	inRegistry := strings.TrimPrefix(server.URL, "http://") + "/some/image:1"
	ref, err := name.ParseReference(inRegistry)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	saved := filepath.Join(dir, "saved.tar")
	if err := tarball.WriteToFile(saved, ref, img); err != nil {
		t.Fatal(err)
	}
	folder, err := layout.Write(filepath.Join(dir, "layout"), empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := folder.AppendImage(img); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(dir, "root.tar")
	if err := os.WriteFile(plain, files(t, map[string]string{"etc/motd": "hello", "bin/tool": "y"}), 0o600); err != nil {
		t.Fatal(err)
	}
	for kind, source := range map[string]string{"a registry": inRegistry, "docker save": saved, "an OCI layout": string(folder), "an archive of files": plain} {
		r, err := openImage(t.Context(), source)
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		got := map[string]string{}
		for a := tar.NewReader(r); ; {
			h, err := a.Next()
			if err != nil {
				break
			}
			b, _ := io.ReadAll(a)
			if h.Typeflag == tar.TypeReg {
				got[h.Name] = string(b)
			}
		}
		r.Close()
		if len(got) != 2 || got["etc/motd"] != "hello" || got["bin/tool"] != "y" {
			t.Errorf("%s: %v", kind, got)
		}
	}
	for _, bad := range []string{"./not-there.tar", dir, "Not A Reference"} {
		if r, err := openImage(t.Context(), bad); err == nil {
			r.Close()
			t.Errorf("%s was opened", bad)
		}
	}
}

// TestImageImport: an archive becomes an image of the cloud that runs here.
func TestImageImport(t *testing.T) {
	m := newMachine(t)
	p := m.up("--ephemeral", "--plane", "sim")
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(files(t, map[string]string{"etc/motd": "hello"})); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	m.write("my-linux.tar.gz", b.String())
	if out := m.must("image", "import", "./my-linux.tar.gz", "--user", "admin"); !strings.HasPrefix(out, "ami-") || !strings.Contains(out, "my-linux\tus-east-1") {
		t.Error(out)
	}
	if complaint := m.refuses("image", "import", "./my-linux.tar.gz"); !strings.Contains(complaint, "already in use") {
		t.Errorf("the same name again: %s", complaint)
	}
	if complaint := m.refuses("image", "import", "./none.tar"); !strings.Contains(complaint, "no file") {
		t.Error(complaint)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
}
