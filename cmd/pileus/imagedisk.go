package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// rawDisk is the format of a disk that is sent as it is; the others are called
// as qemu-img calls them.
const rawDisk = "raw"

// diskFormat is the format of a file that is a disk; "" for one that is none.
// A raw one is known by what ends its boot sector.
func diskFormat(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	head := make([]byte, 512)
	if _, err := io.ReadFull(f, head); err != nil {
		return ""
	}
	for _, known := range []struct{ magic, format string }{
		{"QFI\xfb", "qcow2"}, {"KDMV", "vmdk"}, {"COWD", "vmdk"}, {"# Disk DescriptorFile", "vmdk"}, {"vhdxfile", "vhdx"}, {"conectix", "vpc"},
	} {
		if bytes.HasPrefix(head, []byte(known.magic)) {
			return known.format
		}
	}
	// One of a fixed size has its mark at the end, after a plain disk.
	foot := make([]byte, 8)
	if i, err := f.Stat(); err == nil && i.Size() >= 1024 {
		if _, err := f.ReadAt(foot, i.Size()-512); err == nil && string(foot) == "conectix" {
			return "vpc"
		}
	}
	if head[510] == 0x55 && head[511] == 0xaa && string(head[257:262]) != "ustar" {
		return rawDisk
	}
	return ""
}

// openDisk opens a disk as a compressed raw one: most of it is nothing.
func openDisk(ctx context.Context, path, format string) (io.ReadCloser, error) {
	if format == rawDisk {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		return compressed(f, f.Close), nil
	}
	program, err := exec.LookPath("qemu-img")
	if err != nil {
		return nil, fmt.Errorf("%s has to be converted from %s, and qemu-img is not installed: `apt install qemu-utils` installs it", path, format)
	}
	dir, err := os.MkdirTemp("", "pileus-image-*")
	if err != nil {
		return nil, err
	}
	raw := filepath.Join(dir, "disk")
	out, err := exec.CommandContext(ctx, program, "convert", "-f", format, "-O", "raw", path, raw).CombinedOutput()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("qemu-img convert: %w: %s", err, bytes.TrimSpace(out)), os.RemoveAll(dir))
	}
	f, err := os.Open(raw)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return compressed(f, func() error { return errors.Join(f.Close(), os.RemoveAll(dir)) }), nil
}

// compressed compresses what is read from r, fast.
func compressed(r io.Reader, end func() error) io.ReadCloser {
	read, write := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		z, err := gzip.NewWriterLevel(write, gzip.BestSpeed)
		if err == nil {
			_, err = io.Copy(z, r)
			err = errors.Join(err, z.Close())
		}
		write.CloseWithError(err)
	}()
	return &ending{read, func() error {
		read.Close()
		<-done
		return end()
	}}
}

// ending does something of its own when it is closed.
type ending struct {
	io.Reader
	end func() error
}

// Close implements io.Closer.
func (e *ending) Close() error { return e.end() }
