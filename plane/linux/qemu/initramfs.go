//go:build linux

package qemu

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"pileus/guest/handoff"
)

// bootFolder, in the engine's, keeps what guests boot with that have no kernel
// of their own. No machine is called so.
const bootFolder = ".boot"

// initramfs is the file system in which such guests begin: the program, and
// the kernel's modules. It is made once for each version of both.
func (e *Engine) initramfs(k kernel) (string, error) {
	e.making.Lock()
	defer e.making.Unlock()
	mark, err := stamp(e.Program, k.Path, k.Modules)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(e.Dir, bootFolder)
	file := filepath.Join(dir, "initramfs-"+mark)
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		return file, err
	}
	// Guests that run have read theirs.
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
		return "", err
	}
	f, err := os.Create(file + ".new")
	if err != nil {
		return "", err
	}
	err = errors.Join(e.writeInitramfs(f, k), f.Close())
	if err != nil {
		return "", fmt.Errorf("the initial file system of guests: %w", errors.Join(err, os.Remove(file+".new")))
	}
	return file, os.Rename(file+".new", file)
}

// stamp tells files from others of the same names.
func stamp(files ...string) (string, error) {
	h := sha256.New()
	for _, f := range files {
		i, err := os.Stat(f)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, f, i.Size(), i.ModTime().UnixNano(), neededModules, moreModules)
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

func (e *Engine) writeInitramfs(f io.Writer, k kernel) error {
	buffer := bufio.NewWriterSize(f, 1<<20)
	a := &cpio{w: buffer}
	for _, dir := range []string{"dev", "proc", "sys", "root", "modules"} {
		a.folder(dir)
	}
	a.device("dev/console", 5, 1)
	a.copy(handoff.KernelName, e.Program, 0o755)
	packed := map[string]bool{}
	for list, names := range map[string][]string{handoff.ModulesOrder: neededModules, handoff.MoreModules: moreModules} {
		files, err := k.modules(names...)
		if err != nil {
			return err
		}
		var order strings.Builder
		for _, m := range files {
			name := path.Base(m)
			fmt.Fprintln(&order, name)
			if !packed[name] {
				packed[name] = true
				a.copy("modules/"+name, filepath.Join(k.Modules, m), 0o644)
			}
		}
		a.file(strings.TrimPrefix(list, "/"), 0o644, int64(order.Len()), strings.NewReader(order.String()))
	}
	a.end()
	return errors.Join(a.err, buffer.Flush())
}

// cpio writes an archive as the kernel unpacks it ("newc").
// https://docs.kernel.org/driver-api/early-userspace/buffer-format.html
type cpio struct {
	w    io.Writer
	last int // number of the last entry
	err  error
}

const (
	cpioFolder = 0o040755
	cpioFile   = 0o100000
	cpioChar   = 0o020600
)

func (a *cpio) folder(name string) { a.entry(name, cpioFolder, 0, 0, 0, nil) }

func (a *cpio) device(name string, major, minor int) { a.entry(name, cpioChar, 0, major, minor, nil) }

func (a *cpio) file(name string, mode int, size int64, r io.Reader) {
	a.entry(name, cpioFile|mode, size, 0, 0, r)
}

// copy adds a file of the host.
func (a *cpio) copy(name, from string, mode int) {
	if a.err != nil {
		return
	}
	f, err := os.Open(from)
	if err != nil {
		a.err = err
		return
	}
	defer f.Close()
	i, err := f.Stat()
	if err != nil {
		a.err = err
		return
	}
	a.file(name, mode, i.Size(), f)
}

// end closes the archive.
func (a *cpio) end() { a.entry("TRAILER!!!", 0, 0, 0, 0, nil) }

func (a *cpio) entry(name string, mode int, size int64, major, minor int, content io.Reader) {
	if a.err != nil {
		return
	}
	a.last++
	// Magic, inode, mode, owner, group, links, time, size, device, kind of
	// device, length of the name, and a checksum that this format has not.
	head := fmt.Sprintf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		a.last, mode, 0, 0, 1, 0, size, 0, 0, major, minor, len(name)+1, 0)
	if _, a.err = io.WriteString(a.w, padded(head+name+"\x00")); a.err != nil || content == nil {
		return
	}
	var n int64
	if n, a.err = io.Copy(a.w, content); a.err == nil && n != size {
		a.err = fmt.Errorf("%s changed while it was read", name)
	}
	if a.err == nil {
		_, a.err = a.w.Write(make([]byte, -size&3))
	}
}

// padded is a text with zeros to a multiple of four.
func padded(s string) string { return s + string(make([]byte, -len(s)&3)) }
