//go:build linux

package volume

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"pileus/plane"
	"pileus/plane/linux/cgroup"
)

// A volume's limits are throttles of the block layer: for each cgroup, how
// much it may do on a device. With the unified hierarchy (io.max) a cgroup's
// limit holds for what is written back from its page cache as well; with the
// old one (blkio.throttle.*) it holds for what its processes wait for, and
// what is written back counts for the root, which is bounded too.

// limiter sets limits in a cgroup.
type limiter interface {
	// set bounds I/O on a device; zeros mean unbounded.
	set(group, device string, l plane.VolumeLimits) error
	// groups are the cgroups to set them in, for every machine.
	groups() []string
}

const (
	cgroupRoot = "/sys/fs/cgroup"
	blkioRoot  = cgroupRoot + "/blkio"
)

// limiter is how this machine limits I/O; nil where it cannot.
func (s *Store) limiter() limiter {
	if _, err := os.Stat(filepath.Join(blkioRoot, "blkio.throttle.read_bps_device")); err == nil {
		return blkio{s.parents()}
	}
	if b, err := os.ReadFile(filepath.Join(cgroupRoot, "cgroup.controllers")); err == nil && hasWord(string(b), "io") {
		return ioMax{s.parents()}
	}
	return nil
}

// parents are the groups in which this cloud's machines have theirs.
func (s *Store) parents() []string {
	return []string{cgroup.Containers(s.cloud), cgroup.Guests(s.cloud)}
}

func limitReason(l limiter) string {
	switch l.(type) {
	case nil:
		return "no io or blkio controller of cgroups can be written here"
	case blkio:
		return "with cgroup v1, what a machine writes through its page cache is bounded for all machines together"
	}
	return ""
}

// LimitVolume implements plane.Volumes: it holds until the volume is closed.
// With cgroup v1 it holds for the machines that there are: ask again when one
// has booted.
func (s *Store) LimitVolume(_ context.Context, id string, l plane.VolumeLimits) error {
	if err := s.exists(id); err != nil {
		return err
	}
	if s.rootless {
		return fmt.Errorf("limit volume %s: %w: there is no block device", id, plane.ErrUnsupported)
	}
	defer s.locks.lock(id)()
	d, open, err := s.device(id)
	if err != nil || !open {
		return err
	}
	lim := s.limiter()
	if lim == nil {
		return fmt.Errorf("limit volume %s: %w: %s", id, plane.ErrUnsupported, limitReason(nil))
	}
	for _, group := range lim.groups() {
		if serr := lim.set(group, d.number(), l); serr != nil && !errors.Is(serr, os.ErrNotExist) { // a machine that ended
			err = errors.Join(err, serr)
		}
	}
	return err
}

// unlimit takes a device's limits away before it serves another volume.
func (s *Store) unlimit(id string, d loop) {
	lim := s.limiter()
	if lim == nil {
		return
	}
	for _, group := range lim.groups() {
		if err := lim.set(group, d.number(), plane.VolumeLimits{}); err != nil && !errors.Is(err, os.ErrNotExist) { // a machine that ended
			s.log.Warn("take a volume's limits away", "volume", id, "cgroup", group, "err", err)
		}
	}
}

// blkio is cgroup v1, where no group inherits limits.
type blkio struct{ parents []string }

func (b blkio) groups() []string {
	list := []string{blkioRoot}
	for _, p := range b.parents {
		machines, err := filepath.Glob(filepath.Join(blkioRoot, p, "*", "blkio.throttle.read_bps_device"))
		if err != nil {
			return nil // of a malformed pattern, which this is not
		}
		for _, m := range machines {
			list = append(list, filepath.Dir(m))
		}
	}
	return list
}

func (blkio) set(group, device string, l plane.VolumeLimits) error {
	for _, x := range []struct {
		file  string
		value int64
	}{
		{"read_bps", l.BytesPerSecond}, {"write_bps", l.BytesPerSecond},
		{"read_iops", int64(l.IOPS)}, {"write_iops", int64(l.IOPS)},
	} {
		line := device + " " + strconv.FormatInt(x.value, 10)
		if err := writeControl(filepath.Join(group, "blkio.throttle."+x.file+"_device"), line); err != nil {
			return err
		}
	}
	return nil
}

// ioMax is cgroup v2, where the cloud's groups bound those of its machines.
type ioMax struct{ parents []string }

func (m ioMax) groups() []string {
	var list []string
	for _, p := range m.parents {
		list = append(list, filepath.Join(cgroupRoot, p))
	}
	return list
}

func (m ioMax) set(group, device string, l plane.VolumeLimits) error {
	if l != (plane.VolumeLimits{}) { // nothing has to be there to take limits away
		if err := os.MkdirAll(group, 0o755); err != nil {
			return err
		}
		if err := writeControl(filepath.Join(cgroupRoot, "cgroup.subtree_control"), "+io"); err != nil {
			return err
		}
	}
	bps, iops := "max", "max"
	if l.BytesPerSecond > 0 {
		bps = strconv.FormatInt(l.BytesPerSecond, 10)
	}
	if l.IOPS > 0 {
		iops = strconv.Itoa(l.IOPS)
	}
	line := fmt.Sprintf("%s rbps=%s wbps=%s riops=%s wiops=%s", device, bps, bps, iops, iops)
	return writeControl(filepath.Join(group, "io.max"), line)
}

func writeControl(path, line string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line)
	return errors.Join(err, f.Close())
}

func hasWord(s, word string) bool {
	for w := range strings.FieldsSeq(s) {
		if w == word {
			return true
		}
	}
	return false
}
