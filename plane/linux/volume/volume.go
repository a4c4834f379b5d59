//go:build linux

package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"pileus/plane"
	"pileus/plane/linux/cgroup"
)

// Options of Open.
type Options struct {
	Cloud string // the cloud's id
	Dir   string // where the files are kept; made if it does not exist
	Log   *slog.Logger
	// Program shows encrypted volumes in the clear, as a process of its own for
	// each; it calls ServeEncrypted first. The default is this program.
	Program string
	// Rootless mounts volumes by fuse2fs, because there are no block devices.
	Rootless bool
	// Hold has those stand still who write to a volume other than through a
	// file system that is mounted here, until release is called; nil for none.
	Hold func(ctx context.Context, volume string) (release func(), err error)
}

// Store implements plane.Volumes.
type Store struct {
	cloud   string
	dir     string
	log     *slog.Logger
	program string
	noLoop  error // why there are no block devices here; nil where there are
	noFUSE  error // why none can be had of an encrypted volume; nil where they can
	locks   locks
	work    sync.WaitGroup  // those that watch ciphers
	shelter *cgroup.Shelter // of processes that outlive this one
	// rootless: no block devices, fuse2fs mounts the volumes
	rootless bool
	hold     func(ctx context.Context, volume string) (release func(), err error)

	mu      sync.Mutex
	master  []byte             // seals the keys of encrypted volumes
	open    map[string]loop    // the volumes that are open, and may have been closed from outside
	ciphers map[string]*cipher // that show encrypted volumes in the clear
	closed  bool               // Close was called
}

var _ plane.Volumes = (*Store)(nil)

// The folders in Options.Dir.
const (
	volumesDir   = "volumes"   // ID.img; ID.xts with ID.key
	ciphersDir   = "ciphers"   // ID, ID.log: of encrypted volumes that are open
	imagesDir    = "images"    // ID.ext4
	templatesDir = "templates" // KIND-DIGEST-SIZE.ext4
	scratchDir   = "scratch"   // what is being made; emptied at start
)

// Open adopts the volumes in a folder: what a crash left frozen is thawed, and
// what it left half made is removed.
func Open(o Options) (*Store, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	// The kernel names backing files by their true path.
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, err
	}
	s := &Store{cloud: o.Cloud, dir: dir, log: o.Log, program: o.Program,
		noLoop: probeLoop(), noFUSE: probeFUSE(), rootless: o.Rootless, hold: o.Hold,
		shelter: cgroup.OpenShelter(cgroup.Kept(o.Cloud)), ciphers: map[string]*cipher{}}
	if s.rootless {
		s.noLoop, s.noFUSE = errBlock, errNoCipher
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := os.RemoveAll(s.path(scratchDir)); err != nil {
		return nil, err
	}
	for _, d := range []string{volumesDir, ciphersDir, imagesDir, templatesDir, scratchDir} {
		if err := os.MkdirAll(s.path(d), 0o700); err != nil {
			return nil, err
		}
	}
	if s.rootless {
		s.thawFUSE()
		return s, os.MkdirAll(s.path(mountsDir), 0o700)
	}
	if s.open, err = s.devices(); err != nil {
		return nil, err
	}
	s.thawAll()
	s.dropKeys()
	return s, s.adopt()
}

// SealWith implements plane.Volumes.
func (s *Store) SealWith(master []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.master = slices.Clone(master)
}

// Close lets go of what this process holds: open volumes stay open for the
// machines that use them.
func (s *Store) Close() error {
	s.release()
	s.work.Wait()
	return nil
}

// Clear closes all volumes of this cloud. What is still in use is reported
// and stays.
func (s *Store) Clear() error {
	defer s.shelter.Close()
	if s.rootless {
		var err error
		for _, id := range s.usedFUSE() {
			err = errors.Join(err, s.closeFUSE(id))
		}
		return err
	}
	devices, err := s.devices()
	if err != nil {
		return err
	}
	for id, d := range devices {
		if cerr := s.close(id, d); cerr != nil {
			err = errors.Join(err, fmt.Errorf("close volume %s: %w", id, cerr))
		}
	}
	return err
}

// Outlives tells whether the processes that serve volumes go on when a service
// manager ends the service that this process is.
func (s *Store) Outlives() bool { return s.shelter.Outside() }

// Capabilities tells what volumes do on this machine.
func (s *Store) Capabilities() []plane.Capability {
	list := []plane.Capability{
		{Name: "volumes as block devices", Works: s.noLoop == nil, Reason: reason(s.noLoop)},
		{Name: "root file systems", Works: findTools() == nil, Reason: reason(findTools())},
	}
	limits := s.limiter()
	why := limitReason(limits)
	if s.rootless {
		why = "they need block devices and control groups: start pileus with sudo"
	}
	list = append(list, plane.Capability{Name: "volume I/O limits", Works: s.noLoop == nil && limits != nil, Reason: why})
	return append(list, plane.Capability{
		Name: "encryption of volumes at rest (AES-256-XTS, through FUSE)", Works: s.noFUSE == nil, Reason: reason(s.noFUSE),
	})
}

func reason(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// probeLoop says why there can be no loop devices.
func probeLoop() error {
	f, err := os.OpenFile(loopControl, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("no loop devices (%w): run as root on a kernel with the loop driver", err)
	}
	return f.Close()
}

// findTools says which program is missing to make file systems.
func findTools() error {
	for _, name := range []string{"mkfs.ext4", "resize2fs"} {
		if _, err := tool(name); err != nil {
			return fmt.Errorf("%s is not installed: install e2fsprogs", name)
		}
	}
	return nil
}

// tool finds a program that may be outside of a user's PATH.
func tool(name string) (string, error) {
	path, err := exec.LookPath(name)
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if err == nil {
			break
		}
		path, err = exec.LookPath(filepath.Join(dir, name))
	}
	return path, err
}

func (s *Store) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

// file is where a volume's content lies in the clear.
func (s *Store) file(id string) string { return s.path(volumesDir, id+volumeSuffix) }

const volumeSuffix = ".img"

// place is where a volume's content lies.
type place struct {
	id, path  string
	encrypted bool
}

// locate finds a volume; plane.ErrNotFound where there is none.
func (s *Store) locate(id string) (place, error) {
	if err := checkID(id); err != nil {
		return place{}, err
	}
	for _, p := range []place{{id, s.file(id), false}, {id, s.cipherFile(id), true}} {
		if _, err := os.Stat(p.path); !errors.Is(err, fs.ErrNotExist) {
			return p, err
		}
	}
	return place{}, fmt.Errorf("volume %s: %w", id, plane.ErrNotFound)
}

// checkID keeps ids inside of their folder.
func checkID(id string) error {
	if id == "" || id[0] == '.' || strings.ContainsAny(id, "/\x00") || len(id) > 200 {
		return fmt.Errorf("volume: malformed id %q", id)
	}
	return nil
}

// locks serialises what is done to one volume.
type locks struct {
	mu   sync.Mutex
	held map[string]*lock
}

type lock struct {
	sync.Mutex
	users int
}

// lock waits for its turn; the caller calls the result when done.
func (l *locks) lock(name string) (unlock func()) {
	l.mu.Lock()
	if l.held == nil {
		l.held = map[string]*lock{}
	}
	k := l.held[name]
	if k == nil {
		k = &lock{}
		l.held[name] = k
	}
	k.users++
	l.mu.Unlock()
	k.Lock()
	return func() {
		k.Unlock()
		l.mu.Lock()
		if k.users--; k.users == 0 {
			delete(l.held, name)
		}
		l.mu.Unlock()
	}
}
