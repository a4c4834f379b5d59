//go:build linux

package volume

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pileus/plane"
)

// fsck fails the test where the file system in a file is not clean.
func fsck(t *testing.T, file string) {
	t.Helper()
	path, err := tool("e2fsck")
	if err != nil {
		t.Skip(err)
	}
	if out, err := exec.Command(path, "-fn", file).CombinedOutput(); err != nil {
		t.Errorf("e2fsck %s: %v\n%s", file, err, out)
	}
}

// debugfs asks about the file system in a file.
func debugfs(t *testing.T, file, request string) string {
	t.Helper()
	path, err := tool("debugfs")
	if err != nil {
		t.Skip(err)
	}
	out, err := exec.Command(path, "-R", request, file).Output()
	if err != nil {
		t.Fatalf("debugfs %s: %v", request, err)
	}
	return string(out)
}

// asRoot skips what needs to give files to others.
func asRoot(t *testing.T) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/uid_map")
	if os.Geteuid() != 0 || err != nil || strings.Fields(string(b))[2] != "4294967295" {
		t.Skip("owners of files need root of the whole machine")
	}
}

func TestBuiltInRoot(t *testing.T) {
	asRoot(t)
	s := store(t, t.TempDir())
	image := plane.Image{ID: "ami-1", Kind: plane.BuiltIn}
	must(t, s.CreateRoot(t.Context(), "vol-1", image, 8<<30))
	must(t, s.CreateRoot(t.Context(), "vol-1", image, 8<<30))
	fsck(t, s.file("vol-1"))
	if out := debugfs(t, s.file("vol-1"), "stat /home/ec2-user"); !strings.Contains(out, "User:  1000") || !strings.Contains(out, "Mode:  0700") {
		t.Errorf("home folder: %s", out)
	}
	if out := debugfs(t, s.file("vol-1"), "cat /etc/os-release"); !strings.Contains(out, "pileus") {
		t.Errorf("os-release: %s", out)
	}
	if out := debugfs(t, s.file("vol-1"), "stats -h"); !strings.Contains(out, "Block count:              2097152") {
		t.Errorf("not of 8 GiB: %s", out)
	}
}

func archive(t *testing.T, headers ...*tar.Header) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		text := h.PAXRecords["text"]
		h.PAXRecords = nil
		h.Size = int64(len(text))
		must(t, w.WriteHeader(h))
		_, err := w.Write([]byte(text))
		must(t, err)
	}
	must(t, w.Close())
	return &b
}

func reg(name, text string, mode int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Uid: 7, Gid: 8, PAXRecords: map[string]string{"text": text}}
}

func TestImport(t *testing.T) {
	asRoot(t)
	s := store(t, t.TempDir())
	plain := archive(t,
		&tar.Header{Typeflag: tar.TypeDir, Name: "./", Mode: 0o755},
		&tar.Header{Typeflag: tar.TypeDir, Name: "usr/bin/", Mode: 0o555},
		&tar.Header{Typeflag: tar.TypeSymlink, Name: "bin", Linkname: "/usr/bin"}, // absolute: within the archive
		reg("bin/tool", "#!/bin/sh\n", 0o4755),
		reg("lonely/deep/file", "x", 0o600), // its folders are not in the archive
		&tar.Header{Typeflag: tar.TypeLink, Name: "usr/bin/same", Linkname: "usr/bin/tool"},
		&tar.Header{Typeflag: tar.TypeChar, Name: "null", Mode: 0o666, Devmajor: 1, Devminor: 3},
	)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := plain.WriteTo(z)
	must(t, errors.Join(err, z.Close()))

	made, err := s.Import(t.Context(), "ami-1", &packed)
	must(t, err)
	size := made.Size
	if size != leastImage || made.Start.Disk {
		t.Errorf("%+v", made)
	}
	image := plane.Image{ID: "ami-1", Kind: plane.Whole}
	must(t, s.CreateRoot(t.Context(), "vol-1", image, size))
	must(t, s.CreateRoot(t.Context(), "vol-2", image, size+2<<30)) // grown
	for _, id := range []string{"vol-1", "vol-2"} {
		fsck(t, s.file(id))
		out := debugfs(t, s.file(id), "stat /usr/bin/tool")
		for _, want := range []string{"User:     7", "Group:     8", "Mode:  04755", "Links: 2"} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in %s", id, want, out)
			}
		}
	}
	if out := debugfs(t, s.file("vol-1"), "cat /lonely/deep/file"); out != "x" {
		t.Errorf("a file without folders: %q", out)
	}
	if out := debugfs(t, s.file("vol-1"), "stat /null"); !strings.Contains(out, "character special") {
		t.Errorf("a device: %s", out)
	}
	if ids, err := s.Images(t.Context()); err != nil || len(ids) != 1 || ids[0] != "ami-1" {
		t.Errorf("images %v, %v", ids, err)
	}
	must(t, s.RemoveImage(t.Context(), "ami-1"))
	if ids, err := s.Images(t.Context()); err != nil || len(ids) != 0 {
		t.Errorf("images afterwards: %v, %v", ids, err)
	}
	if err := s.CreateRoot(t.Context(), "vol-3", image, size); !errors.Is(err, plane.ErrNotFound) {
		t.Errorf("of a removed image: %v", err)
	}
}

// TestArchiveStaysInside has archives try to write outside of their root.
func TestArchiveStaysInside(t *testing.T) {
	outside := t.TempDir()
	for name, headers := range map[string][]*tar.Header{
		"dots":        {reg("../../../../../.."+outside+"/a", "x", 0o644)},
		"link":        {{Typeflag: tar.TypeSymlink, Name: "out", Linkname: outside}, reg("out/a", "x", 0o644)},
		"climbing":    {{Typeflag: tar.TypeSymlink, Name: "out", Linkname: "../../../../../../../../.." + outside}, reg("out/a", "x", 0o644)},
		"over a link": {{Typeflag: tar.TypeSymlink, Name: "a", Linkname: outside + "/a"}, reg("a", "x", 0o644)},
		"hard link":   {{Typeflag: tar.TypeLink, Name: "a", Linkname: outside + "/secret"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := unpack(t.TempDir(), archive(t, headers...)) // some are refused, some land inside
			if left, _ := os.ReadDir(outside); len(left) > 0 {
				t.Errorf("%v: written outside: %v", err, left)
			}
		})
	}
}

func TestOldTemplatesGo(t *testing.T) {
	asRoot(t)
	s := store(t, t.TempDir())
	old := s.path(templatesDir, "built-in-0000-1.ext4")
	must(t, os.WriteFile(old, nil, 0o600))
	must(t, s.CreateRoot(t.Context(), "vol-1", plane.Image{ID: "ami-1", Kind: plane.BuiltIn}, 1<<30))
	if left, _ := filepath.Glob(old); len(left) > 0 {
		t.Error("a template of another version is still there")
	}
}
