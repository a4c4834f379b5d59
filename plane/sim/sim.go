// Package sim is a data plane that needs nothing of the machine: it keeps the
// states of networks, machines and volumes, honestly, and moves no packet and
// runs no program. Machines "boot" at once; what would need a real one (Run,
// Dial) answers plane.ErrUnsupported. It is what tests on a still clock use,
// and what a computer without Linux's namespaces gets, with a notice.
package sim

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"pileus/plane"
)

// Plane is a simulated data plane.
type Plane struct {
	networks
	machines
	disks
	why string // it is simulated
}

var _ plane.Plane = (*Plane)(nil)

// New makes a plane that keeps volumes' content under dir, which it makes; ""
// for a temporary folder that Close removes.
func New(dir string) *Plane {
	p := &Plane{why: "start pileus as root on Linux to have it for real"}
	p.networks.vpcs = map[string]plane.VPC{}
	p.machines.list = map[string]*machine{}
	p.disks.volumes = map[string]*volume{}
	p.disks.dir = dir
	p.disks.find()
	return p
}

// Because says what keeps this machine from having a real plane.
func (p *Plane) Because(err error) *Plane {
	p.why = err.Error()
	return p
}

// Describe implements plane.Plane.
func (p *Plane) Describe() plane.Report {
	why := "simulated: " + p.why
	features := []plane.Capability{}
	for _, name := range []string{"networks", "security groups and network ACLs", "machines", "volumes"} {
		features = append(features, plane.Capability{Name: name, Reason: why})
	}
	return plane.Report{Kind: "simulated", Features: features}
}

// Clear implements plane.Plane.
func (p *Plane) Clear() error {
	p.networks.clear()
	p.machines.clear()
	return p.disks.closeAll()
}

// Close implements plane.Plane.
func (p *Plane) Close() error { return p.disks.close() }

func unsupported(what string) error {
	return fmt.Errorf("%w: %s needs a real data plane, and this one is simulated", plane.ErrUnsupported, what)
}

// disks are sparse files without devices.
type disks struct {
	mu      sync.Mutex
	dir     string
	own     bool // dir is a temporary folder of ours
	master  []byte
	volumes map[string]*volume
	images  map[string]bool // that were imported
}

type volume struct {
	size    int64
	sealed  bool // its file is ciphertext
	open    bool
	machine string
	device  string
}

// folder makes the folder of the volumes' files.
func (d *disks) folder() (string, error) {
	if d.dir == "" {
		dir, err := os.MkdirTemp("", "pileus-volumes-*")
		if err != nil {
			return "", err
		}
		d.dir, d.own = dir, true
	}
	return d.dir, os.MkdirAll(d.dir, 0o700)
}

// find remembers the volumes that an earlier process left.
func (d *disks) find() {
	for _, suffix := range []string{plainSuffix, cipherSuffix} {
		files, err := filepath.Glob(filepath.Join(d.dir, "*"+suffix))
		if d.dir == "" || err != nil {
			return
		}
		for _, f := range files {
			if s, err := os.Stat(f); err == nil {
				d.volumes[strings.TrimSuffix(filepath.Base(f), suffix)] = &volume{size: s.Size(), sealed: suffix == cipherSuffix}
			}
		}
	}
}

// Suffixes of volumes' files.
const (
	plainSuffix  = ".img"
	cipherSuffix = ".xts" // beside it lies the key
	keySuffix    = ".key"
)

// path is where a volume's file lies.
func (d *disks) path(id string, v *volume) string {
	if v.sealed {
		return filepath.Join(d.dir, id+cipherSuffix)
	}
	return filepath.Join(d.dir, id+plainSuffix)
}

// SealWith implements plane.Volumes.
func (d *disks) SealWith(master []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.master = slices.Clone(master)
}

// CanEncrypt implements plane.Volumes.
func (d *disks) CanEncrypt() error { return nil }

// CreateVolume implements plane.Volumes.
func (d *disks) CreateVolume(_ context.Context, id string, size int64, o ...plane.VolumeOption) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.volumes[id]; ok {
		return nil
	}
	if _, err := d.folder(); err != nil {
		return err
	}
	v := &volume{size: size, sealed: slices.Contains(o, plane.Encrypted)}
	if v.sealed {
		if err := d.makeKey(id); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(d.path(id, v), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		return err
	}
	d.volumes[id] = v
	return nil
}

// CreateRoot implements plane.Volumes; there is no file system inside.
func (d *disks) CreateRoot(ctx context.Context, id string, _ plane.Image, size int64, o ...plane.VolumeOption) error {
	return d.CreateVolume(ctx, id, size, o...)
}

// GrowVolume implements plane.Volumes.
func (d *disks) GrowVolume(_ context.Context, id string, size int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, ok := d.volumes[id]
	if !ok {
		return plane.ErrNotFound
	}
	v.size = max(v.size, size)
	return os.Truncate(d.path(id, v), v.size)
}

// RemoveVolume implements plane.Volumes.
func (d *disks) RemoveVolume(_ context.Context, id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, ok := d.volumes[id]
	switch {
	case !ok:
		return nil
	case v.machine != "":
		return plane.ErrBusy
	}
	delete(d.volumes, id)
	err := os.Remove(d.path(id, v))
	if v.sealed {
		err = errors.Join(err, os.Remove(d.keyFile(id)))
	}
	return err
}

// OpenVolume implements plane.Volumes.
func (d *disks) OpenVolume(_ context.Context, id string) (string, error) {
	return "", d.setOpen(id, true)
}

// CloseVolume implements plane.Volumes.
func (d *disks) CloseVolume(_ context.Context, id string) error { return d.setOpen(id, false) }

func (d *disks) setOpen(id string, open bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, ok := d.volumes[id]
	if !ok {
		return plane.ErrNotFound
	}
	v.open = open
	return nil
}

// LimitVolume implements plane.Volumes; nothing reads or writes here.
func (d *disks) LimitVolume(context.Context, string, plane.VolumeLimits) error { return nil }

// VolumeUsage implements plane.Volumes: of volumes that are open, and idle.
func (d *disks) VolumeUsage(context.Context) (map[string]plane.VolumeUsage, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := map[string]plane.VolumeUsage{}
	for id, v := range d.volumes {
		if v.open {
			all[id] = plane.VolumeUsage{}
		}
	}
	return all, nil
}

// Volumes implements plane.Volumes.
func (d *disks) Volumes(context.Context) ([]plane.VolumeStatus, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []plane.VolumeStatus
	for _, id := range slices.Sorted(maps.Keys(d.volumes)) {
		v := d.volumes[id]
		out = append(out, plane.VolumeStatus{ID: id, Size: v.size, Machine: v.machine, Attached: v.device, Encrypted: v.sealed})
	}
	return out, nil
}

func (d *disks) closeAll() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, v := range d.volumes {
		v.open, v.machine, v.device = false, "", ""
	}
	return nil
}

func (d *disks) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.own {
		return nil
	}
	return os.RemoveAll(d.dir)
}
