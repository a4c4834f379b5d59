//go:build linux

package qemu

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"pileus/plane"
)

// kernel is one that guests can be given whose root volume has none.
type kernel struct {
	Path    string
	Version string // "6.1.0-42-cloud-amd64"
	Modules string // the folder of its modules: "/lib/modules/<version>"
}

// needsKernel is how to get one.
const needsKernel = "apt-get install linux-image-cloud-amd64, or name one with --kernel"

// findKernel looks at the one that was named, or for the newest of the host.
func findKernel(named string) (kernel, error) {
	if named != "" {
		return kernelAt(named)
	}
	files, err := filepath.Glob("/boot/vmlinuz-*")
	if err != nil {
		return kernel{}, err
	}
	slices.SortFunc(files, naturally)
	for _, f := range slices.Backward(files) {
		if k, e := kernelAt(f); e == nil {
			return k, nil
		} else if err == nil {
			err = e
		}
	}
	if err != nil {
		return kernel{}, err
	}
	return kernel{}, fmt.Errorf("%w: there is no Linux kernel in /boot for guests whose image has none: %s", plane.ErrUnsupported, needsKernel)
}

// kernelAt looks at a file, which is a kernel if it says its version.
func kernelAt(file string) (k kernel, err error) {
	f, err := os.Open(file)
	if err != nil {
		return k, fmt.Errorf("%w: the kernel for guests: %v", plane.ErrUnsupported, err)
	}
	defer f.Close()
	if k.Version, err = versionOf(f); err != nil {
		return k, fmt.Errorf("%w: %s: %v", plane.ErrUnsupported, file, err)
	}
	if k.Path, err = filepath.Abs(file); err != nil {
		return k, err
	}
	// Where the system has them, or beside the kernel as a package has both.
	for _, root := range []string{filepath.Dir(filepath.Dir(k.Path)), "/", "/usr"} {
		k.Modules = filepath.Join(root, "lib/modules", k.Version)
		if _, err := os.Stat(filepath.Join(k.Modules, "modules.dep")); err == nil {
			return k, nil
		}
		if _, err := os.Stat(filepath.Join(k.Modules, "kernel")); err == nil {
			return k, nil
		}
	}
	return k, fmt.Errorf("%w: the modules of the kernel %s are not in /lib/modules/%s", plane.ErrUnsupported, file, k.Version)
}

// versionOf reads the version of a kernel for PCs.
// https://docs.kernel.org/arch/x86/boot.html
func versionOf(r io.ReaderAt) (string, error) {
	const magicAt, pointerAt, header = 0x202, 0x20e, 0x210
	b := make([]byte, header)
	if _, err := r.ReadAt(b, 0); err != nil {
		return "", errors.New("it is no Linux kernel")
	}
	at := int64(binary.LittleEndian.Uint16(b[pointerAt:]))
	if string(b[magicAt:magicAt+4]) != "HdrS" || at == 0 {
		return "", errors.New("it is no Linux kernel")
	}
	text := make([]byte, 256)
	n, err := r.ReadAt(text, at+0x200)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	version, _, _ := strings.Cut(string(text[:n]), " ")
	if version == "" || strings.ContainsAny(version, "/\x00") {
		return "", errors.New("it does not say its version")
	}
	return version, nil
}

// neededModules are those that a guest of ours needs to find its disks, its
// network, its port and its power button. Kernels have some of them built in.
var neededModules = []string{
	"virtio_pci", "virtio_blk", "virtio_net", "virtio_console", "virtio_rng", "qemu_fw_cfg", "button", "evdev",
	"crc32c_generic", "ext4", "af_packet", "ipv6",
}

// moreModules are those of the other file systems that a root volume may have.
var moreModules = []string{"xfs", "btrfs"}

// modules are the files of the modules of these names and what they need in
// turn, in the order in which they are to be loaded.
func (k kernel) modules(wanted ...string) (files []string, err error) {
	needs, err := k.dependencies()
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for file := range needs {
		names[moduleName(file)] = file
	}
	var add func(file string)
	add = func(file string) {
		if slices.Contains(files, file) {
			return
		}
		for _, n := range needs[file] {
			add(n)
		}
		files = append(files, file)
	}
	for _, n := range wanted {
		if file := names[n]; file != "" {
			add(file)
		}
	}
	return files, nil
}

// moduleName is "virtio_rng" for "kernel/drivers/char/hw_random/virtio-rng.ko.xz".
func moduleName(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".")
	return strings.ReplaceAll(name, "-", "_")
}

// dependencies are what each module needs, as depmod has found out.
func (k kernel) dependencies() (map[string][]string, error) {
	b, err := os.ReadFile(filepath.Join(k.Modules, "modules.dep"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s has no modules.dep: run depmod -b %s %s", plane.ErrUnsupported, k.Modules, filepath.Dir(filepath.Dir(filepath.Dir(k.Modules))), k.Version)
	}
	if err != nil {
		return nil, err
	}
	needs := map[string][]string{}
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		file, list, ok := strings.Cut(s.Text(), ":")
		if ok {
			needs[file] = strings.Fields(list)
		}
	}
	return needs, nil
}
