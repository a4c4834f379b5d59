package diskimage

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pileus/plane"
)

// disk is a disk in memory, of which all may hold data.
type disk []byte

func (d disk) Size() int64 { return int64(len(d)) }

func (d disk) ReadAt(b []byte, at int64) (int, error) { return bytes.NewReader(d).ReadAt(b, at) }

func (d disk) WriteAt(b []byte, at int64) (int, error) { return copy(d[at:], b), nil }

// Data says of every other MiB that it holds nothing where it does not.
func (d disk) Data() (list []plane.Extent, err error) {
	for at := int64(0); at < d.Size(); at += chunk {
		if n := min(chunk, d.Size()-at); !isZero(d[at : at+n]) {
			list = append(list, plane.Extent{Offset: at, Length: n})
		}
	}
	return list, nil
}

// sample is a disk with data here and there.
func sample(size int) disk {
	d := make(disk, size)
	copy(d, "boot sector")
	for i := range 3 << 20 {
		d[5<<20+i] = byte(i * i >> 7)
	}
	copy(d[size-600:], "near the end")
	return d
}

var sizes = []int{12 << 20, 64<<20 + 512}

func written(t *testing.T, format string, d disk) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, format, d); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(t *testing.T, format string, image []byte) disk {
	t.Helper()
	from, err := Open(bytes.NewReader(image), int64(len(image)), format)
	if err != nil {
		t.Fatal(err)
	}
	d := make(disk, from.Size())
	if err := from.CopyTo(d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestThereAndBack(t *testing.T) {
	for _, format := range []string{RAW, VHD, VMDK} {
		for _, size := range sizes {
			d := sample(size)
			image := written(t, format, d)
			if format != RAW && len(image) > 16<<20 {
				t.Errorf("%s of %d bytes takes %d", format, size, len(image))
			}
			if got := read(t, format, image); !bytes.Equal(got, d) {
				t.Errorf("%s of %d bytes is another one afterwards", format, size)
			}
		}
	}
}

// TestAsOthersSeeIt has QEMU read what is written here, and the other way round.
func TestAsOthersSeeIt(t *testing.T) {
	tool, err := exec.LookPath("qemu-img")
	if err != nil {
		t.Skip("no qemu-img on this machine")
	}
	convert := func(args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), tool, append([]string{"convert"}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %s", strings.Join(args, " "), out)
		}
	}
	d := sample(sizes[0])
	dir := t.TempDir()
	plain, here, there := filepath.Join(dir, "plain"), filepath.Join(dir, "here"), filepath.Join(dir, "there")
	for name, test := range map[string]struct{ format, theirs, options string }{
		"dynamic VHD":      {VHD, "vpc", "subformat=dynamic,force_size=on"},
		"fixed VHD":        {VHD, "vpc", "subformat=fixed,force_size=on"},
		"sparse VMDK":      {VMDK, "vmdk", "subformat=monolithicSparse"},
		"streamed VMDK":    {VMDK, "vmdk", "subformat=streamOptimized"},
		"RAW, as a matter": {RAW, "raw", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(here, written(t, test.format, d), 0o600); err != nil {
				t.Fatal(err)
			}
			convert("-f", test.theirs, "-O", "raw", here, plain)
			got, err := os.ReadFile(plain)
			if err != nil || !bytes.Equal(got, d) {
				t.Errorf("QEMU reads another disk of %d bytes, %v", len(got), err)
			}
			options := []string{"-f", "raw", "-O", test.theirs}
			if test.options != "" {
				options = append(options, "-o", test.options)
			}
			if err := os.WriteFile(plain, d, 0o600); err != nil {
				t.Fatal(err)
			}
			convert(append(options, plain, there)...)
			image, err := os.ReadFile(there)
			if err != nil {
				t.Fatal(err)
			}
			if got := read(t, test.format, image); !bytes.Equal(got, d) {
				t.Errorf("QEMU's is read as another disk, of %d bytes", len(got))
			}
		})
	}
}

func TestDamaged(t *testing.T) {
	d := sample(sizes[0])
	for _, format := range []string{VHD, VMDK} {
		image := written(t, format, d)
		for name, b := range map[string][]byte{
			"empty": nil, "short": image[:len(image)/2], "another": d, "nonsense": bytes.Repeat([]byte{0xa5}, 4096), "few bytes": image[:100],
		} {
			from, err := Open(bytes.NewReader(b), int64(len(b)), format)
			if err == nil {
				err = from.CopyTo(make(disk, from.Size()))
			}
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrFormat) {
				t.Errorf("%s, %s: %v", format, name, err)
			}
		}
	}
	if _, err := Open(bytes.NewReader(d), d.Size(), "VHDX"); !errors.Is(err, ErrFormat) {
		t.Errorf("VHDX: %v", err)
	}
}
