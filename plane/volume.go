package plane

import (
	"context"
	"io"
	"time"
)

// Volumes keeps block devices. A volume's content is a sparse file; it is
// opened to be attached.
type Volumes interface {
	// SealWith gives the key (32 bytes) under which the keys of encrypted
	// volumes are kept. It comes before any of these is made or used; another
	// one opens none of those that there are.
	SealWith(master []byte)
	// CanEncrypt says why no volume can be Encrypted here, and what to do about
	// it; nil where they can. The error is an ErrUnsupported.
	CanEncrypt() error
	// CreateVolume makes an empty volume of size bytes unless it exists.
	CreateVolume(ctx context.Context, id string, size int64, o ...VolumeOption) error
	// CreateRoot makes a volume that holds an image's root file system, grown
	// to size bytes: built-in images come from the program itself, imported
	// ones from their archive.
	CreateRoot(ctx context.Context, id string, image Image, size int64, o ...VolumeOption) error
	// GrowVolume grows it, attached or not.
	GrowVolume(ctx context.Context, id string, size int64) error
	// RemoveVolume destroys its content.
	RemoveVolume(ctx context.Context, id string) error
	// OpenVolume gives it a block device; CloseVolume takes it away.
	OpenVolume(ctx context.Context, id string) (device string, err error)
	CloseVolume(ctx context.Context, id string) error
	// LimitVolume bounds a volume's I/O; 0 means unbounded.
	LimitVolume(ctx context.Context, id string, l VolumeLimits) error
	// Volumes lists what exists.
	Volumes(ctx context.Context) ([]VolumeStatus, error)
	// VolumeUsage tells what the volumes that are open have carried, by id.
	VolumeUsage(ctx context.Context) (map[string]VolumeUsage, error)
	// FreezeVolume holds writes to a volume for the time of f, so that what f
	// reads is one moment of it: a snapshot.
	FreezeVolume(ctx context.Context, id string, f func(VolumeContent) error) error
	// ReadVolume shows a volume while it may be written to: not one moment of
	// it, but most of what FreezeVolume will show a little later.
	ReadVolume(ctx context.Context, id string, f func(VolumeContent) error) error
	// WriteVolume fills a volume that is not open: from a snapshot, an import.
	WriteVolume(ctx context.Context, id string, f func(io.WriterAt) error) error
	// Import unpacks a root file system archive (tar), or takes a disk as it is
	// (raw), as an image that CreateRoot then makes roots of. Either may be
	// compressed.
	Import(ctx context.Context, image string, archive io.Reader) (Imported, error)
	RemoveImage(ctx context.Context, image string) error
	// Images lists the ids of those that were imported.
	Images(ctx context.Context) ([]string, error)
}

// Imported tells what became an image.
type Imported struct {
	Size  int64 // of the disk, or of the file system that was made
	Start Start
}

// VolumeOption says how a volume is made.
type VolumeOption int

// Encrypted has a volume's content be ciphertext wherever it lies, under a key
// of the volume's own. What reads and writes it through this interface, or as
// a block device, sees it in the clear. A plane that cannot do this refuses.
const Encrypted VolumeOption = 1

// VolumeContent reads a volume at one moment.
type VolumeContent interface {
	io.ReaderAt
	Size() int64
	// Data yields the extents that hold data, in order; what lies between
	// reads as zeros.
	Data() ([]Extent, error)
}

// Extent is a span of bytes of a volume.
type Extent struct{ Offset, Length int64 }

// VolumeLimits are what a volume's type allows.
type VolumeLimits struct {
	IOPS           int   // operations per second, reads and writes each
	BytesPerSecond int64 // reads and writes each
}

// VolumeStatus is what the plane knows of a volume.
type VolumeStatus struct {
	ID       string
	Size     int64
	Used     int64  // bytes allocated
	Device   string // "/dev/loop3" on the host; "" while closed
	Machine  string // where it is attached
	Attached string // as which device

	Encrypted bool   // its content is ciphertext at rest
	Fault     string // why its I/O fails now; "" where it does not
}

// VolumeUsage are the counters of a volume's device. They have meaning only as
// differences, of one device.
type VolumeUsage struct {
	Device              string
	ReadOps, WriteOps   uint64
	ReadBytes, Written  uint64
	ReadTime, WriteTime time.Duration // of all operations together
	Busy                time.Duration // with at least one operation under way
	Queued              time.Duration // the length of the queue times how long it was so
}
