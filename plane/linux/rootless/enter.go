//go:build linux

package rootless

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"pileus/plane/linux/cgroup"
	"pileus/plane/linux/process"
)

// variable tells a process in the namespaces where it is.
const variable = "PILEUS_ROOTLESS"

// Session is what a process in the namespaces knows of them.
type Session struct {
	Holder int    // number of its process
	Birth  uint64 // when that started: numbers are used again
	// Fresh tells that the namespaces are new: what an earlier process has left
	// in others cannot be reached from here.
	Fresh bool

	Folder string // that they belong to; "" for none
	Dir    string // working directory
	Input  int    // file that keeps a holder which leaves with us; 0 for none
}

// Current is the session of this process; nil where it is in no namespaces of
// ours.
var Current = sync.OnceValue(arrive)

func arrive() *Session {
	text, ok := os.LookupEnv(variable)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	_ = os.Unsetenv(variable) // not for those that we start
	var s Session
	if json.Unmarshal([]byte(text), &s) != nil {
		return nil
	}
	if s.Input != 0 {
		unix.CloseOnExec(s.Input)
	}
	_ = os.Chdir(s.Dir) // where it cannot be, paths are absolute
	return &s
}

// Network is the path of the namespace that stands for the host's network in
// that of the cloud.
func (s *Session) Network() string { return fmt.Sprintf("/proc/%d/ns/net", s.Holder) }

// End gives the namespaces up, once nothing of the cloud is in them.
func (s *Session) End() error {
	p, err := process.Hold(s.Holder, s.Birth, false)
	if err != nil {
		return err
	}
	if p != nil {
		defer p.Release()
		if err := p.Kill(); err != nil {
			return err
		}
	}
	if s.Folder == "" {
		return nil
	}
	shelterOf(s.Folder).Close()
	return os.RemoveAll(s.Folder)
}

// Enter starts this program again, in the place of this process, with the same
// arguments, in the namespaces that belong to a cloud's folder, which are made
// if they are not there. Those of no folder end with the process. It only
// returns if it fails.
func Enter(folder string) error {
	s, err := find(folder)
	if err != nil {
		return err
	}
	return s.become()
}

// shelterOf is where the holder of a folder's namespaces outlives the service
// that started it.
func shelterOf(folder string) *cgroup.Shelter {
	sum := sha256.Sum256([]byte(folder))
	return cgroup.OpenShelter("pileus-holder-" + hex.EncodeToString(sum[:3]))
}

// Left tells whether a cloud had namespaces that were not ended.
func Left(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, holderFile))
	return err == nil
}

const holderFile = "holder.json"

// find is the session of a folder; one process at a time looks.
func find(folder string) (*Session, error) {
	if folder == "" {
		return begin(leave, nil)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(folder, "holder.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return nil, fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	if s, ok := remembered(folder); ok {
		return s, nil
	}
	s, err := begin(stay, shelterOf(folder))
	if err != nil {
		return nil, err
	}
	s.Folder = folder
	b, err := json.Marshal(s)
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, holderFile), b, 0o600)
	}
	return s, err
}

// remembered is the session whose holder stands by.
func remembered(folder string) (*Session, bool) {
	b, err := os.ReadFile(filepath.Join(folder, holderFile))
	if err != nil {
		return nil, false
	}
	var s Session
	if json.Unmarshal(b, &s) != nil || s.Holder == 0 {
		return nil, false
	}
	if birth, err := process.BirthOf(s.Holder); err != nil || birth != s.Birth {
		return nil, false
	}
	s.Fresh = false
	return &s, true
}

// begin makes namespaces. Their holder is in a shelter, or with nil where this
// process is.
func begin(order string, shelter *cgroup.Shelter) (*Session, error) {
	h, err := start(order, shelter)
	if err != nil {
		return nil, err
	}
	s := &Session{Holder: h.pid, Fresh: true}
	if s.Birth, err = process.BirthOf(h.pid); err != nil {
		return nil, err
	}
	if order == stay {
		return s, h.input.Close()
	}
	// A copy that the next program inherits.
	s.Input, err = unix.Dup(int(h.input.Fd()))
	return s, errors.Join(err, h.input.Close())
}

// become turns this process into one of the session.
func (s *Session) become() error {
	nsenter, err := Tool("nsenter")
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	if s.Dir, err = os.Getwd(); err != nil {
		s.Dir = "/"
	}
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	args := append([]string{"nsenter", "--target", strconv.Itoa(s.Holder), "--user", "--mount", "--", program}, os.Args[1:]...)
	return fmt.Errorf("enter the namespaces: %w", syscall.Exec(nsenter, args, append(os.Environ(), variable+"="+string(b))))
}
