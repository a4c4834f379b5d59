//go:build linux

package toolbox

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"pileus/clock"
)

// The geometry of the file systems that are made.
// https://www.kernel.org/doc/html/latest/filesystems/ext4/
const (
	extBlock     = 4096
	extPerGroup  = 8 * extBlock // blocks: as many as a block of bits can tell
	extInodeSize = 256
	extBytesEach = 16384 // of the volume, for each inode
	extRoot      = 2
	extJournal   = 8
	extFirst     = 11 // lost+found, the first that is no special one
	extDescSize  = 32
)

// ext4 is a file system that is being made.
type ext4 struct {
	w       io.WriterAt
	blocks  uint64
	groups  int
	inodes  int // of a group
	table   int // blocks of a group's inode table
	descs   int // blocks of group descriptors
	journal int // blocks
	uuid    [16]byte
	seed    [16]byte
	label   string
	now     uint32

	journalAt, rootAt, lostAt uint64
}

// mkfs makes an ext4 file system: mkfs -t ext4 /dev/sdf, mkfs.ext4 /dev/sdf.
func mkfs(c *call) error {
	p, err := c.parse(options{letters: "t:L:m:qFE:O:jb:i:N:vcT:U:"}, false)
	if err != nil {
		return err
	}
	if kind := p.value("t"); kind != "" && kind != "ext4" || c.name == "mke2fs" && kind == "" && !p.has("j") {
		return fmt.Errorf("only ext4 can be made here, not %q: mkfs -t ext4 DEVICE", kind)
	}
	if len(p.args) == 0 {
		return usage("mkfs.ext4 [-L label] device")
	}
	name := p.args[0]
	list, err := mounts()
	if err != nil {
		return err
	}
	if full, err := resolve(name, false); err == nil {
		for _, m := range list {
			if m.source == full {
				return fmt.Errorf("%s is mounted; will not make a filesystem here", name)
			}
		}
	}
	f, err := os.OpenFile(name, os.O_RDWR|unix.O_EXCL, 0)
	if errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("%s is apparently in use by the system; will not make a filesystem here", name)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	bytes, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	e := &ext4{w: f, label: p.value("L"), now: uint32(clock.Machine().Unix())}
	if err := e.plan(bytes); err != nil {
		return err
	}
	if err := e.zeroTables(f); err != nil {
		return err
	}
	if err := e.write(); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if !p.has("q") {
		c.printf("Creating filesystem with %d 4k blocks and %d inodes\nFilesystem UUID: %x-%x-%x-%x-%x\nWriting superblocks and filesystem accounting information: done\n",
			e.blocks, e.groups*e.inodes, e.uuid[:4], e.uuid[4:6], e.uuid[6:8], e.uuid[8:10], e.uuid[10:])
	}
	return nil
}

// plan decides on the geometry.
func (e *ext4) plan(bytes int64) error {
	e.blocks = uint64(bytes) / extBlock
	if e.blocks < 2048 {
		return errors.New("the device is too small: 8 MiB are needed")
	}
	if e.blocks > 1<<32-1 {
		return errors.New("the device is too large: 16 TiB at most")
	}
	e.inodes = extPerGroup * extBlock / extBytesEach
	if e.blocks < extPerGroup { // one group: inodes in proportion, in whole blocks
		e.inodes = max(int(e.blocks*extBlock/extBytesEach)/128*128, 128)
	}
	e.table = e.inodes * extInodeSize / extBlock
	for {
		e.groups = int((e.blocks + extPerGroup - 1) / extPerGroup)
		e.descs = (e.groups*extDescSize + extBlock - 1) / extBlock
		// A last group without room for more than its own tables is left out.
		last := e.blocks - uint64(e.groups-1)*extPerGroup
		if e.groups == 1 || last > uint64(e.overhead(e.groups-1)+64) {
			break
		}
		e.blocks -= last
	}
	switch {
	case e.blocks < extPerGroup:
		e.journal = 1024
	case e.blocks < 8*extPerGroup:
		e.journal = 4096
	default:
		e.journal = 16384
	}
	at := uint64(e.overhead(0))
	e.rootAt, e.lostAt, e.journalAt = at, at+1, at+2
	if e.journalAt+uint64(e.journal)+16 > min(e.blocks, extPerGroup) {
		return errors.New("the device is too small for a journal")
	}
	if e.label != "" && len(e.label) > 16 {
		return errors.New("a label has 16 characters at most")
	}
	_, err := rand.Read(e.uuid[:])
	e.uuid[6], e.uuid[8] = e.uuid[6]&0x0f|0x40, e.uuid[8]&0x3f|0x80
	rand.Read(e.seed[:])
	return err
}

// hasSuper tells whether a group keeps a copy of the superblock: the first and
// those whose number is a power of 3, 5 or 7.
func hasSuper(group int) bool {
	if group < 2 {
		return true
	}
	for _, base := range []int{3, 5, 7} {
		n := base
		for n < group {
			n *= base
		}
		if n == group {
			return true
		}
	}
	return false
}

// before is how many blocks of a group come before its bitmaps.
func (e *ext4) before(group int) int {
	if hasSuper(group) {
		return 1 + e.descs
	}
	return 0
}

// overhead is how many blocks of a group are tables.
func (e *ext4) overhead(group int) int { return e.before(group) + 2 + e.table }

func (e *ext4) start(group int) uint64 { return uint64(group) * extPerGroup }

// length is how many blocks a group has.
func (e *ext4) length(group int) int {
	return int(min(e.blocks-e.start(group), extPerGroup))
}

// used is how many blocks of a group are in use, from its first on.
func (e *ext4) used(group int) int {
	n := e.overhead(group)
	if group == 0 {
		n += 2 + e.journal
	}
	return n
}

func (e *ext4) put(block uint64, b []byte) error {
	_, err := e.w.WriteAt(b, int64(block)*extBlock)
	return err
}

// zeroTables empties what is not written below: the inode tables, and the
// journal, which must not hold what was there before.
func (e *ext4) zeroTables(f *os.File) error {
	for g := range e.groups {
		from := e.start(g) + uint64(e.before(g)) + 2
		if err := zero(f, from*extBlock, uint64(e.table)*extBlock); err != nil {
			return err
		}
	}
	return zero(f, e.journalAt*extBlock, uint64(e.journal)*extBlock)
}

// zero empties a span, by the device itself where it can.
func zero(f *os.File, from, length uint64) error {
	span := [2]uint64{from, length}
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.BLKZEROOUT, uintptr(unsafe.Pointer(&span))); e == 0 {
		return nil
	}
	empty := make([]byte, 1<<20)
	for length > 0 {
		n := min(length, uint64(len(empty)))
		if _, err := f.WriteAt(empty[:n], int64(from)); err != nil {
			return err
		}
		from, length = from+n, length-n
	}
	return nil
}

func (e *ext4) write() error {
	descs := make([]byte, e.descs*extBlock)
	var freeBlocks uint64
	for g := range e.groups {
		free, err := e.writeGroup(g, descs[g*extDescSize:])
		if err != nil {
			return err
		}
		freeBlocks += uint64(free)
	}
	if err := e.writeFiles(); err != nil {
		return err
	}
	// The first group's copy comes last: only then is it a file system.
	for g := e.groups - 1; g >= 0; g-- {
		if !hasSuper(g) {
			continue
		}
		if err := e.put(e.start(g)+1, descs); err != nil {
			return err
		}
		at := int64(e.start(g)) * extBlock
		if g == 0 {
			at = 1024
		}
		if _, err := e.w.WriteAt(e.super(g, freeBlocks), at); err != nil {
			return err
		}
	}
	return nil
}

// writeGroup writes a group's bitmaps and its descriptor.
func (e *ext4) writeGroup(g int, desc []byte) (free int, err error) {
	at := e.start(g) + uint64(e.before(g))
	used, length := e.used(g), e.length(g)
	free = length - used
	bits := make([]byte, extBlock)
	set(bits, 0, used)
	set(bits, length, extPerGroup) // what the volume does not have
	if err := e.put(at, bits); err != nil {
		return 0, err
	}
	taken, folders := 0, 0
	if g == 0 {
		taken, folders = extFirst, 2
	}
	inodes := make([]byte, extBlock)
	set(inodes, 0, taken)
	set(inodes, e.inodes, extPerGroup)
	if err := e.put(at+1, inodes); err != nil {
		return 0, err
	}
	le := binary.LittleEndian
	le.PutUint32(desc, uint32(at))
	le.PutUint32(desc[4:], uint32(at+1))
	le.PutUint32(desc[8:], uint32(at+2))
	le.PutUint16(desc[12:], uint16(free))
	le.PutUint16(desc[14:], uint16(e.inodes-taken))
	le.PutUint16(desc[16:], uint16(folders))
	return free, nil
}

func set(bits []byte, from, to int) {
	for i := from; i < to; i++ {
		bits[i/8] |= 1 << (i % 8)
	}
}

// writeFiles writes the inodes and content of the root, lost+found and the
// journal.
func (e *ext4) writeFiles() error {
	table := (e.start(0) + uint64(e.before(0)) + 2) * extBlock
	for _, f := range []struct {
		number, mode, links int
		at                  uint64
		blocks              int
	}{
		{extRoot, unix.S_IFDIR | 0o755, 3, e.rootAt, 1},
		{extFirst, unix.S_IFDIR | 0o700, 2, e.lostAt, 1},
		{extJournal, unix.S_IFREG | 0o600, 1, e.journalAt, e.journal},
	} {
		b := e.inode(uint16(f.mode), uint16(f.links), f.at, f.blocks)
		if _, err := e.w.WriteAt(b, int64(table)+int64(f.number-1)*extInodeSize); err != nil {
			return err
		}
	}
	if err := e.put(e.rootAt, folder(extRoot, extRoot, "lost+found", extFirst)); err != nil {
		return err
	}
	if err := e.put(e.lostAt, folder(extFirst, extRoot, "", 0)); err != nil {
		return err
	}
	return e.put(e.journalAt, e.journalSuper())
}

func (e *ext4) inode(mode, links uint16, at uint64, blocks int) []byte {
	le := binary.LittleEndian
	b := make([]byte, extInodeSize)
	le.PutUint16(b, mode)
	le.PutUint32(b[4:], uint32(blocks*extBlock))
	for _, i := range []int{8, 12, 16} { // accessed, changed, modified
		le.PutUint32(b[i:], e.now)
	}
	le.PutUint16(b[26:], links)
	le.PutUint32(b[28:], uint32(blocks*extBlock/512))
	le.PutUint32(b[32:], 0x80000) // its blocks are extents
	copy(b[40:], extents(at, blocks))
	le.PutUint16(b[128:], 32) // bytes in use beyond the old 128
	return b
}

// extents is one extent, in the form in which an inode has it.
func extents(at uint64, blocks int) []byte {
	le := binary.LittleEndian
	b := make([]byte, 60)
	le.PutUint16(b, 0xf30a)
	le.PutUint16(b[2:], 1) // in use
	le.PutUint16(b[4:], 4) // there is room for
	le.PutUint16(b[16:], uint16(blocks))
	le.PutUint32(b[20:], uint32(at))
	return b
}

// folder is a folder's only block.
func folder(self, parent uint32, name string, number uint32) []byte {
	le := binary.LittleEndian
	b := make([]byte, extBlock)
	at := 0
	add := func(inode uint32, name string, last bool) {
		length := (8 + len(name) + 3) / 4 * 4
		if last {
			length = extBlock - at
		}
		le.PutUint32(b[at:], inode)
		le.PutUint16(b[at+4:], uint16(length))
		b[at+6], b[at+7] = byte(len(name)), 2 // a folder
		copy(b[at+8:], name)
		at += length
	}
	add(self, ".", false)
	add(parent, "..", name == "")
	if name != "" {
		add(number, name, true)
	}
	return b
}

func (e *ext4) journalSuper() []byte {
	be := binary.BigEndian
	b := make([]byte, extBlock)
	for i, v := range []uint32{0xc03b3998, 4, 0, extBlock, uint32(e.journal), 1, 1, 0} {
		be.PutUint32(b[4*i:], v)
	}
	copy(b[48:], e.uuid[:])
	be.PutUint32(b[64:], 1) // users
	return b
}

// super is the superblock as the group keeps it.
func (e *ext4) super(group int, free uint64) []byte {
	le := binary.LittleEndian
	b := make([]byte, 1024)
	for at, v := range map[int]uint32{
		0: uint32(e.groups * e.inodes), 4: uint32(e.blocks), 12: uint32(free), 16: uint32(e.groups*e.inodes - extFirst),
		24: 2, 28: 2, 32: extPerGroup, 36: extPerGroup, 40: uint32(e.inodes), 48: e.now, 64: e.now, 76: 1, 84: extFirst,
		92:  0x4 | 0x8 | 0x20,                               // journal, extended attributes, indexed folders
		96:  0x2 | 0x40,                                     // kinds in folders, extents
		100: 0x1 | 0x2 | 0x8 | 0x20 | 0x40,                  // few superblocks, large and huge files, many links, large inodes
		224: extJournal, 256: 0x4 | 0x8, 264: e.now, 352: 1, // user attributes and ACLs; how names are hashed
	} {
		le.PutUint32(b[at:], v)
	}
	for at, v := range map[int]uint16{54: 0xffff, 56: 0xef53, 58: 1, 60: 1, 88: extInodeSize, 90: uint16(group), 254: 0, 348: 32, 350: 32} {
		le.PutUint16(b[at:], v)
	}
	copy(b[104:], e.uuid[:])
	copy(b[120:136], e.label)
	copy(b[236:], e.seed[:])
	b[252], b[253] = 1, 1 // half MD4; the journal's inode is kept below as well
	copy(b[268:], extents(e.journalAt, e.journal))
	le.PutUint32(b[268+64:], uint32(e.journal*extBlock))
	return b
}
