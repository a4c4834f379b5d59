//go:build linux

package toolbox

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"pileus/guest/handoff"
)

// mounted is a line of /proc/self/mountinfo.
type mounted struct {
	device, on, kind, source, options string
}

func mounts() (list []mounted, err error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		before, after, _ := strings.Cut(s.Text(), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if len(left) >= 6 && len(right) >= 2 {
			list = append(list, mounted{left[2], left[4], right[0], right[1], left[5]})
		}
	}
	return list, s.Err()
}

func df(c *call) error {
	p, err := c.parse(options{letters: "hkmTiPal", long: map[string]string{"human-readable": "h", "print-type": "T", "inodes": "i"}}, false)
	if err != nil {
		return err
	}
	list, err := mounts()
	if err != nil {
		return err
	}
	show := func(n uint64) string {
		switch {
		case p.has("h"):
			return human(n)
		case p.has("m"):
			return fmt.Sprint(n >> 20)
		}
		return fmt.Sprint(n >> 10)
	}
	kind := func(s string) string {
		if p.has("T") {
			return fmt.Sprintf(" %-8s", s)
		}
		return ""
	}
	unit := "1K-blocks"
	if p.has("h") {
		unit = "Size"
	} else if p.has("m") {
		unit = "1M-blocks"
	}
	heads := []any{"Filesystem", kind("Type"), unit, "Used", "Avail", "Use%", "Mounted on"}
	if p.has("i") {
		heads = []any{"Filesystem", kind("Type"), "Inodes", "IUsed", "IFree", "IUse%", "Mounted on"}
	}
	c.printf("%-20s%s %10s %10s %10s %5s %s\n", heads...)
	var only []string
	for _, a := range p.args {
		if _, err := os.Stat(a); err != nil {
			c.complain(err)
		} else if on := mountOf(list, a); on != "" {
			only = append(only, on)
		}
	}
	seen := map[string]bool{}
	for _, m := range slices.Backward(list) {
		var st unix.Statfs_t
		if seen[m.on] || unix.Statfs(m.on, &st) != nil || st.Blocks == 0 || len(p.args) > 0 && !slices.Contains(only, m.on) {
			continue
		}
		if i, err := os.Stat(m.on); err != nil || !i.IsDir() {
			continue
		}
		seen[m.on] = true
		unit := uint64(st.Bsize)
		if p.has("i") {
			c.printf("%-20s%s %10s %10s %10s %5s %s\n", m.source, kind(m.kind), inodes(p, st.Files), inodes(p, st.Files-st.Ffree), inodes(p, st.Ffree), share(st.Files-st.Ffree, st.Files), m.on)
			continue
		}
		used := (st.Blocks - st.Bfree) * unit
		c.printf("%-20s%s %10s %10s %10s %5s %s\n", m.source, kind(m.kind), show(st.Blocks*unit), show(used), show(st.Bavail*unit), share(used, used+st.Bavail*unit), m.on)
	}
	return nil
}

// inodes is a count of files as df -i shows it.
func inodes(p *parsed, n uint64) string {
	if p.has("h") {
		return human(n)
	}
	return strconv.FormatUint(n, 10)
}

// share is how many of a hundred are used, rounded up; of nothing it is "-".
func share(used, all uint64) string {
	if all == 0 {
		return "-"
	}
	return fmt.Sprintf("%d%%", (used*100+all-1)/all)
}

// mountOf is the mount on which a file lies, or the one of a device.
func mountOf(list []mounted, name string) (on string) {
	full, err := resolve(name, false)
	if err != nil {
		full = name
	}
	for _, m := range list {
		if m.source == full {
			on = m.on
		}
	}
	if on != "" {
		return on
	}
	for _, m := range list {
		if (full == m.on || strings.HasPrefix(full, strings.TrimSuffix(m.on, "/")+"/")) && len(m.on) >= len(on) {
			on = m.on
		}
	}
	return on
}

func du(c *call) error {
	p, err := c.parse(options{letters: "shkmacxd:b", long: map[string]string{"summarize": "s", "human-readable": "h", "max-depth": "d:", "total": "c", "bytes": "b"}}, false)
	if err != nil {
		return err
	}
	depth := 1 << 30
	if p.has("s") {
		depth = 0
	}
	if p.has("d") {
		if _, err := fmt.Sscan(p.value("d"), &depth); err != nil {
			return usage("invalid depth " + p.value("d"))
		}
	}
	show := func(n uint64, name string) {
		text := fmt.Sprint((n + 1023) >> 10)
		switch {
		case p.has("h"):
			text = human(n)
		case p.has("m"):
			text = fmt.Sprint((n + 1<<20 - 1) >> 20)
		case p.has("b"):
			text = fmt.Sprint(n)
		}
		c.printf("%s\t%s\n", text, name)
	}
	args := p.args
	if len(args) == 0 {
		args = []string{"."}
	}
	var total uint64
	seen := map[uint64]bool{}
	var walk func(path string, level int) uint64
	walk = func(path string, level int) uint64 {
		i, err := os.Lstat(path)
		if err != nil {
			c.complain(err)
			return 0
		}
		st := i.Sys().(*syscall.Stat_t)
		if st.Nlink > 1 && !i.IsDir() {
			if seen[st.Ino] {
				return 0
			}
			seen[st.Ino] = true
		}
		n := uint64(st.Blocks) * 512
		if p.has("b") {
			n = uint64(i.Size())
		}
		if i.IsDir() {
			entries, err := os.ReadDir(path)
			if err != nil {
				c.complain(err)
			}
			for _, e := range entries {
				n += walk(filepath.Join(path, e.Name()), level+1)
			}
		}
		if level <= depth && (i.IsDir() || level == 0 || p.has("a")) {
			show(n, path)
		}
		return n
	}
	for _, a := range args {
		total += walk(a, 0)
	}
	if p.has("c") {
		show(total, "total")
	}
	return nil
}

// mount mounts a device or what fstab says, and lists what is mounted.
func mount(c *call) error {
	p, err := c.parse(options{letters: "t:o:arnv", long: map[string]string{"types": "t:", "options": "o:", "all": "a", "bind": "B"}}, false)
	if err != nil {
		return err
	}
	if p.has("a") {
		return mountAll(c)
	}
	switch len(p.args) {
	case 0:
		list, err := mounts()
		if err != nil {
			return err
		}
		for _, m := range list {
			c.printf("%s on %s type %s (%s)\n", m.source, m.on, m.kind, m.options)
		}
		return nil
	case 1:
		for _, l := range fstab() {
			if l[0] == p.args[0] || l[1] == p.args[0] {
				return mountOne(l[0], l[1], l[2], l[3])
			}
		}
		return fmt.Errorf("can't find %s in /etc/fstab", p.args[0])
	}
	opts := p.value("o")
	if p.has("B") {
		opts += ",bind"
	}
	if p.has("r") {
		opts += ",ro"
	}
	return mountOne(p.args[0], p.args[1], p.value("t"), opts)
}

func fstab() (list [][4]string) {
	b, _ := os.ReadFile("/etc/fstab")
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) >= 3 && !strings.HasPrefix(f[0], "#") {
			f = append(f, "defaults")
			list = append(list, [4]string{f[0], f[1], f[2], f[3]})
		}
	}
	return list
}

func mountAll(c *call) error {
	list, err := mounts()
	if err != nil {
		return err
	}
	for _, l := range fstab() {
		there := slices.ContainsFunc(list, func(m mounted) bool { return m.on == l[1] })
		if there || l[2] == "swap" || strings.Contains(l[3], "noauto") || l[1] == "/" {
			continue
		}
		if err := mountOne(l[0], l[1], l[2], l[3]); err != nil && !strings.Contains(l[3], "nofail") {
			c.complain(err)
		}
	}
	return nil
}

var mountFlags = map[string]uintptr{
	"ro": unix.MS_RDONLY, "nosuid": unix.MS_NOSUID, "nodev": unix.MS_NODEV, "noexec": unix.MS_NOEXEC, "noatime": unix.MS_NOATIME, "sync": unix.MS_SYNCHRONOUS,
	"remount": unix.MS_REMOUNT, "bind": unix.MS_BIND, "rbind": unix.MS_BIND | unix.MS_REC, "relatime": unix.MS_RELATIME,
	"rw": 0, "defaults": 0, "auto": 0, "noauto": 0, "nofail": 0, "user": 0, "_netdev": 0, "": 0,
}

func mountOne(source, on, kind, opts string) error {
	var flags uintptr
	var data []string
	for o := range strings.SplitSeq(opts, ",") {
		f, ok := mountFlags[o]
		flags |= f
		if !ok && !strings.HasPrefix(o, "x-") {
			data = append(data, o)
		}
	}
	if id, ok := strings.CutPrefix(source, "UUID="); ok {
		if source = deviceOf(id); source == "" {
			return fmt.Errorf("can't find UUID=%s", id)
		}
	}
	if full, err := filepath.EvalSymlinks(source); err == nil {
		source = full
	}
	if i, err := os.Stat(source); err == nil && i.Mode().IsRegular() && strings.HasPrefix(source, "/dev/") {
		return mountServed(source, on, opts)
	}
	kinds := []string{kind}
	if kind == "" || kind == "auto" {
		kinds = []string{"ext4", "xfs", "btrfs", "vfat", "iso9660"}
	}
	if flags&(unix.MS_BIND|unix.MS_REMOUNT) != 0 {
		kinds = []string{""}
	}
	var err error
	for _, k := range kinds {
		e := unix.Mount(source, on, k, flags, strings.Join(data, ","))
		if e == nil {
			return nil
		}
		if err == nil || !errors.Is(e, unix.ENODEV) && !errors.Is(e, unix.EINVAL) {
			err = e
		}
	}
	if errors.Is(err, unix.EINVAL) && len(kinds) > 1 {
		return fmt.Errorf("%s: wrong fs type, bad option, bad superblock on %s", on, source)
	}
	return fmt.Errorf("%s: %s", on, sentence(err))
}

// mountServed mounts a disk that is no block device: the first process knows
// who has it.
func mountServed(source, on, opts string) error {
	full, err := filepath.Abs(on)
	if err == nil {
		_, err = askInit(context.Background(), handoff.Request{Do: handoff.Mount, Args: []string{source, full, opts}})
	}
	if err != nil {
		return fmt.Errorf("%s: %w", on, err)
	}
	return nil
}

func umount(c *call) error {
	p, err := c.parse(options{letters: "lfarv", long: map[string]string{"lazy": "l", "force": "f"}}, false)
	if err != nil {
		return err
	}
	flags := 0
	if p.has("l") {
		flags |= unix.MNT_DETACH
	}
	if p.has("f") {
		flags |= unix.MNT_FORCE
	}
	list, err := mounts()
	if err != nil {
		return err
	}
	for _, a := range p.args {
		on := a
		if full, err := filepath.EvalSymlinks(a); err == nil {
			on = full
		}
		for _, m := range list {
			if m.source == on {
				on = m.on
			}
		}
		if err := unix.Unmount(on, flags); err != nil {
			if err == unix.EINVAL {
				err = said("not mounted.")
			}
			c.complain(fmt.Errorf("%s: %s", a, strings.ToLower(err.Error())))
		}
	}
	return nil
}

// disk is a block device in /dev.
type disk struct {
	name         string
	major, minor uint32
	bytes        uint64
	readOnly     bool
}

func disks() (list []disk, err error) {
	entries, err := os.ReadDir("/dev")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Type().IsRegular() { // a disk without a block device
			if i, err := e.Info(); err == nil && i.Size() > 0 {
				list = append(list, disk{name: e.Name(), bytes: uint64(i.Size())})
			}
			continue
		}
		if e.Type()&fs.ModeDevice == 0 || e.Type()&fs.ModeCharDevice != 0 {
			continue
		}
		var st unix.Stat_t
		if unix.Stat("/dev/"+e.Name(), &st) != nil {
			continue
		}
		d := disk{name: e.Name(), major: unix.Major(uint64(st.Rdev)), minor: unix.Minor(uint64(st.Rdev))}
		if d.bytes, d.readOnly, err = deviceSize("/dev/" + e.Name()); err != nil {
			table, _ := os.ReadFile("/proc/partitions")
			d.bytes = partitionSize(string(table), d.major, d.minor)
		}
		list = append(list, d)
	}
	return list, nil
}

// partitionSize is how many bytes a device has as the kernel tells everybody,
// those who may not open it too; 0 where it does not know it.
func partitionSize(table string, major, minor uint32) uint64 {
	for line := range strings.Lines(table) {
		// major minor #blocks name
		if f := strings.Fields(line); len(f) == 4 && f[0] == strconv.FormatUint(uint64(major), 10) && f[1] == strconv.FormatUint(uint64(minor), 10) {
			blocks, _ := strconv.ParseUint(f[2], 10, 64)
			return blocks << 10
		}
	}
	return 0
}

// deviceSize is how many bytes a device has, for those who may open it.
func deviceSize(name string) (bytes uint64, readOnly bool, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, false, err
	}
	defer f.Close()
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.BLKGETSIZE64, uintptr(unsafe.Pointer(&bytes))); e != 0 {
		return 0, false, e
	}
	ro, err := unix.IoctlGetInt(int(f.Fd()), unix.BLKROGET)
	return bytes, ro != 0, err
}

// fileSystem tells what a device holds, as far as the superblock says.
func fileSystem(name string) (kind, uuid string) {
	f, err := os.Open(name)
	if err != nil {
		return "", ""
	}
	defer f.Close()
	b := make([]byte, 2048)
	if _, err := f.ReadAt(b, 0); err != nil {
		return "", ""
	}
	write := func(u []byte) string { return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:16]) }
	switch {
	case b[1080] == 0x53 && b[1081] == 0xef:
		return "ext4", write(b[1128:1144])
	case string(b[:4]) == "XFSB":
		return "xfs", write(b[32:48])
	}
	return "", ""
}

func deviceOf(uuid string) string {
	list, _ := disks()
	for _, d := range list {
		if _, u := fileSystem("/dev/" + d.name); u == uuid {
			return "/dev/" + d.name
		}
	}
	return ""
}

// blkid tells what devices hold: all of it, or with -s a part; with -o value
// that part alone, as scripts write it to /etc/fstab.
func blkid(c *call) error {
	p, err := c.parse(options{letters: "s:o:c:p", long: map[string]string{"match-tag": "s:", "output": "o:", "probe": "p"}}, false)
	if err != nil {
		return err
	}
	names := p.args
	if len(names) == 0 {
		list, err := disks()
		if err != nil {
			return err
		}
		for _, d := range list {
			names = append(names, "/dev/"+d.name)
		}
	}
	c.status = 2
	for _, n := range names {
		kind, uuid := fileSystem(n)
		if kind == "" {
			continue
		}
		c.status = 0
		tags := [][2]string{{"UUID", uuid}, {"TYPE", kind}}
		if asked := p.all["s"]; len(asked) > 0 {
			tags = slices.DeleteFunc(tags, func(t [2]string) bool { return !slices.Contains(asked, t[0]) })
		}
		c.printTags(n, tags, p.value("o"))
	}
	return nil
}

// printTags prints what is known of a device in one of blkid's formats.
func (c *call) printTags(device string, tags [][2]string, format string) {
	if format == "device" {
		c.printf("%s\n", device)
		return
	}
	if format == "" || format == "full" {
		c.printf("%s:", device)
	}
	for _, t := range tags {
		switch format {
		case "value":
			c.printf("%s\n", t[1])
		case "export":
			c.printf("%s=%s\n", t[0], t[1])
		default:
			c.printf(" %s=\"%s\"", t[0], t[1])
		}
	}
	if format == "" || format == "full" {
		c.printf("\n")
	}
}

// file tells what files are, by their first bytes; with -s devices as well.
func file(c *call) error {
	p, err := c.parse(options{letters: "sbLi"}, false)
	if err != nil {
		return err
	}
	for _, n := range p.args {
		name := n
		if full, err := filepath.EvalSymlinks(n); err == nil && (p.has("s") || p.has("L")) {
			name = full // /dev/xvdf is a link here, and a device elsewhere
		}
		c.printf("%s: %s\n", n, describeFile(name))
	}
	return nil
}

func describeFile(name string) string {
	i, err := os.Lstat(name)
	switch {
	case err != nil:
		return "cannot open (" + sentence(err.(*fs.PathError).Err) + ")"
	case i.IsDir():
		return "directory"
	case i.Mode()&fs.ModeSymlink != 0:
		to, _ := os.Readlink(name)
		return "symbolic link to " + to
	case i.Mode()&fs.ModeDevice != 0 || strings.HasPrefix(name, "/dev/"):
		if kind, uuid := fileSystem(name); kind != "" {
			return fmt.Sprintf("Linux rev 1.0 %s filesystem data, UUID=%s", kind, uuid)
		}
		return "data"
	}
	f, err := os.Open(name)
	if err != nil {
		return "cannot open"
	}
	defer f.Close()
	b := make([]byte, 512)
	n, _ := f.Read(b)
	b = b[:n]
	switch {
	case n == 0:
		return "empty"
	case strings.HasPrefix(string(b), "\x7fELF"):
		return "ELF executable"
	case strings.HasPrefix(string(b), "#!"):
		line, _, _ := strings.Cut(string(b[2:]), "\n")
		return line + " script, text executable"
	case strings.HasPrefix(string(b), "\x1f\x8b"):
		return "gzip compressed data"
	case !strings.ContainsRune(string(b), 0):
		return "text"
	}
	return "data"
}

// resize2fs grows a mounted file system to its device.
func resize2fs(c *call) error {
	if len(c.args) == 0 {
		return usage("resize2fs DEVICE")
	}
	device, err := filepath.EvalSymlinks(c.args[0])
	if err != nil {
		return err
	}
	list, err := mounts()
	if err != nil {
		return err
	}
	for _, m := range list {
		if m.source != device || m.kind != "ext4" {
			continue
		}
		var st unix.Statfs_t
		if err := unix.Statfs(m.on, &st); err != nil {
			return err
		}
		bytes, _, err := deviceSize(device)
		if err != nil {
			return err
		}
		f, err := os.Open(m.on)
		if err != nil {
			return err
		}
		defer f.Close()
		blocks := bytes / uint64(st.Bsize)
		const resize = 1<<30 | 8<<16 | 'f'<<8 | 16 // EXT4_IOC_RESIZE_FS
		if _, _, e := unix.Syscall(unix.SYS_IOCTL, f.Fd(), resize, uintptr(unsafe.Pointer(&blocks))); e == unix.EPERM && os.Geteuid() == 0 {
			return fmt.Errorf("%s: %w: the kernel grows a mounted ext4 only for who has CAP_SYS_RESOURCE, which the machine that pileus runs on withholds", device, e)
		} else if e != 0 {
			return fmt.Errorf("%s: %w", device, e)
		}
		c.printf("The filesystem on %s is now %d (%dk) blocks long.\n", device, blocks, st.Bsize/1024)
		return nil
	}
	if i, err := os.Stat(device); err == nil && i.Mode().IsRegular() {
		return fmt.Errorf("%s is no block device here: its file system grows when it is mounted the next time", device)
	}
	return fmt.Errorf("%s is not mounted: only a mounted ext4 can be grown here", device)
}
