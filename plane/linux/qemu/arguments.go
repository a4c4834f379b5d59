//go:build linux

package qemu

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"pileus/guest/handoff"
	"pileus/plane"
	"pileus/plane/linux/cgroup"
)

// disk is a volume as a guest has it.
type disk struct {
	plane.Attachment
	Path string // on the host: "/dev/loop3", or a file
	Size int64  // as the guest knows it
}

// diskOf is the block device of an attached volume.
func (e *Engine) diskOf(a plane.Attachment) (d disk, err error) {
	p, err := e.Device(a.Volume)
	if err != nil {
		return d, fmt.Errorf("volume %s: %w", a.Volume, err)
	}
	d = disk{Attachment: a, Path: p}
	d.Size, err = sizeOf(p)
	return d, err
}

// sizeOf is the size of a block device.
func sizeOf(device string) (int64, error) {
	f, err := os.Open(device)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.Seek(0, 2)
}

// node is the device as control groups know it.
func (d disk) node() (n cgroup.Device, err error) {
	n, err = deviceNode(d.Path)
	n.ReadOnly = d.ReadOnly
	return n, err
}

// driver is how QEMU reads the disk: a block device, or without root a file.
func (d disk) driver() string {
	if i, err := os.Stat(d.Path); err == nil && i.Mode().IsRegular() {
		return "file"
	}
	return "host_device"
}

func deviceNode(path string) (cgroup.Device, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return cgroup.Device{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	d := cgroup.Device{Major: unix.Major(uint64(st.Rdev)), Minor: unix.Minor(uint64(st.Rdev))}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFCHR:
		d.Char = true
	case unix.S_IFBLK:
	default:
		return d, fmt.Errorf("%s is no device", path)
	}
	return d, nil
}

// id is what QEMU calls the disk in the guest, and blockID its content.
func (d disk) id() string      { return "disk-" + path.Base(d.Device) }
func (d disk) blockID() string { return "content-" + path.Base(d.Device) }

// content are the settings of a disk's content. The host's cache stays out of
// it: what a guest has been told is on its disk, is.
func (d disk) content() map[string]any {
	return map[string]any{
		"driver": d.driver(), "node-name": d.blockID(), "filename": d.Path, "read-only": d.ReadOnly,
		"discard": "unmap", "cache": map[string]any{"direct": true},
	}
}

// device are the settings of a disk in the guest.
func (d disk) device(kind string) map[string]any {
	return map[string]any{"driver": kind, "id": d.id(), "drive": d.blockID(), "serial": d.serial()}
}

// serial is the disk's serial number: the id of the volume, as AWS writes it
// there. There is room for 20 bytes.
func (d disk) serial() string {
	s := strings.ReplaceAll(d.Volume, "-", "")
	return s[max(0, len(s)-20):]
}

// forGuest is the disk as a first process of ours is told of it.
func (d disk) forGuest() handoff.Disk {
	return handoff.Disk{Device: d.Device, ReadOnly: d.ReadOnly, Serial: d.serial()}
}

// The kinds of devices that guests get: those of virtual machines, and for
// Windows, which does not know them by itself, those of real ones.
const (
	virtioDisk, virtioCard = "virtio-blk-pci", "virtio-net-pci"
	plainDisk, plainCard   = "nvme", "e1000e"
	firstPlainDisk         = "ide-hd" // that Windows' own firmware loader starts from
)

func diskKind(m plane.Machine, root bool) string {
	switch {
	case m.Image.Platform != windows:
		return virtioDisk
	case root:
		return firstPlainDisk
	}
	return plainDisk
}

func cardKind(m plane.Machine) string {
	if m.Image.Platform == windows {
		return plainCard
	}
	return virtioCard
}

const windows = "windows"

// device are the settings of a card in the guest, joined with its tap. It has
// no ROM to boot from.
func (c card) device(kind string) map[string]any {
	d := map[string]any{"driver": kind, "id": c.id(), "netdev": c.netID(), "mac": c.MAC, "romfile": ""}
	if kind == virtioCard && c.MTU > 0 {
		d["host_mtu"] = c.MTU
	}
	return d
}

func (c card) id() string    { return "card" + strconv.Itoa(c.Index) }
func (c card) netID() string { return "net" + strconv.Itoa(c.Index) }

// memoryOfQEMU is what a guest's process needs beside the guest's memory.
const memoryOfQEMU = 512 << 20

// translations is how much of that holds translated instructions, in MiB,
// where the processor does not run the guest's itself.
const translations = 128

// limits are the machine's, with room for QEMU itself.
func limits(m plane.Machine) cgroup.Limits {
	l := cgroup.LimitsOf(m)
	l.Memory += memoryOfQEMU
	return l
}

// The files that QEMU inherits: the listening sockets of QMP and of the agent's
// port, and the taps.
const (
	monitorFD = 3
	portFD    = 4
	firstTap  = 5
)

// arguments are those of a guest's QEMU, which runs in the machine's folder.
func (u *unit) arguments(h *host, m plane.Machine, s start, disks []disk, cards []card) []string {
	args := []string{
		"-name", "guest=" + u.id, "-nodefaults", "-no-user-config", "-display", "none",
		"-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
		"-machine", "pc", "-accel", accel(h), "-cpu", processor(h),
		"-smp", strconv.Itoa(max(m.VCPUs, 1)), "-m", strconv.Itoa(max(m.MemoryMiB, 64)),
		"-action", "shutdown=pause",
		"-chardev", "socket,id=qmp,fd=" + strconv.Itoa(monitorFD) + ",server=on,wait=off", "-mon", "chardev=qmp,mode=control",
		"-chardev", "file,id=console,path=" + consoleFile + ",append=on", "-serial", "chardev:console",
		"-device", `{"driver":"VGA"}`, "-object", "rng-builtin,id=rng", "-device", "virtio-rng-pci,rng=rng",
		"-rtc", rtc(m),
	}
	args = append(args, identity(m)...)
	switch s.how {
	case byProgram:
		args = append(args, "-kernel", s.kernel, "-initrd", s.initrd,
			"-append", "rdinit=/"+handoff.KernelName+" console=tty0 console=ttyS0,115200 net.ifnames=0",
			"-fw_cfg", "name="+handoff.SpecKey+",file="+specFile,
			"-device", "virtio-serial-pci,max_ports=2", "-chardev", "socket,id=agent,fd="+strconv.Itoa(portFD)+",server=on,wait=off",
			"-device", "virtserialport,chardev=agent,name="+handoff.PortName)
	case byKernel:
		args = append(args, "-kernel", s.kernel, "-append", "root=/dev/vda rw console=tty0 console=ttyS0,115200 net.ifnames=0")
		if s.initrd != "" {
			args = append(args, "-initrd", s.initrd)
		}
	case byEFI:
		args = append(args, s.firmware.arguments()...)
	}
	if len(m.Guest.Authority) > 0 {
		args = append(args, "-fw_cfg", "name=opt/com.pileus/authority,file="+authorityFile)
	}
	for i, d := range disks {
		device := d.device(diskKind(m, i == 0))
		if i == 0 {
			device["bootindex"] = 1
		}
		args = append(args, "-blockdev", encode(d.content()), "-device", encode(device))
	}
	for i, c := range cards {
		args = append(args, "-netdev", fmt.Sprintf("tap,id=%s,fd=%d", c.netID(), firstTap+i), "-device", encode(c.device(cardKind(m))))
	}
	return args
}

func accel(h *host) string {
	if h.kvm == nil {
		return "kvm"
	}
	return "tcg,thread=multi,tb-size=" + strconv.Itoa(translations)
}

func processor(h *host) string {
	if h.kvm == nil {
		return "host"
	}
	return "max"
}

func rtc(m plane.Machine) string {
	if m.Image.Platform == windows {
		return "base=localtime"
	}
	return "base=utc"
}

// identity is what a guest finds in its firmware's tables: what the software of
// cloud images recognises an instance of EC2 by.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/identify_ec2_instances.html
func identity(m plane.Machine) []string {
	sum := sha256.Sum256([]byte(m.ID))
	h := "ec2" + hex.EncodeToString(sum[:])[3:32]
	uuid := strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:32]}, "-")
	return []string{
		"-uuid", uuid,
		"-smbios", "type=0,vendor=Amazon EC2,version=1.0",
		"-smbios", "type=1,manufacturer=Amazon EC2,product=" + cmp.Or(m.Type, "pileus") + ",uuid=" + uuid + ",serial=" + uuid,
		"-smbios", "type=2,manufacturer=Amazon EC2,asset=" + m.ID,
		"-smbios", "type=3,manufacturer=Amazon EC2,asset=Amazon EC2",
	}
}
