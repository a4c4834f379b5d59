package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pileus/guest/handoff"
)

// farewell is how long programs are given to end when the machine goes down.
const farewell = 3 * time.Second

// listenInside opens the socket for the machine's own tools.
func listenInside() (net.Listener, error) {
	l, err := net.Listen("unix", handoff.Inside)
	if err != nil {
		return nil, err
	}
	return l, os.Chmod(handoff.Inside, 0o666)
}

// serve answers requests: the plane's, who may ask for all, and those of users
// of the machine.
func (m *machine) serve(l net.Listener, plane bool) {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			m.clock.Wait(context.Background(), farewell/100) // out of files, perhaps
			continue
		}
		go m.answer(c.(*net.UnixConn), plane)
	}
}

// asked is a request and who asks.
type asked struct {
	handoff.Request
	files  []*os.File
	hangup io.Reader // yields signals, and ends when nobody waits any more
	from   account
}

func (m *machine) answer(c *net.UnixConn, plane bool) {
	defer c.Close()
	from := account{home: "/root", shell: "/bin/sh", name: "root"}
	if !plane {
		cred, err := handoff.Peer(c)
		if err != nil {
			return
		}
		if cred.Uid != 0 {
			if from, err = findAccount(fmt.Sprint(cred.Uid)); err != nil {
				return
			}
		}
	}
	r, files, err := handoff.Receive(c)
	if err != nil {
		return
	}
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	a, err := m.do(asked{r, files, c, from})
	if err != nil {
		a.Error = err.Error()
	}
	handoff.Reply(c, a)
}

func (m *machine) do(r asked) (handoff.Answer, error) {
	root := r.from.uid == 0
	switch {
	case r.Do == handoff.Ping:
		return handoff.Answer{}, nil
	case r.Do == handoff.Run:
		if !root && !maySudo(r.from) {
			return handoff.Answer{}, fmt.Errorf("%s is not in the sudoers files", r.from.name)
		}
		return m.runFor(r)
	case r.Do == handoff.Service && len(r.files) > 1:
		return m.services.do(r.Args, r.files[1], root)
	case !root:
		return handoff.Answer{}, errors.New("only root may do this")
	case r.Do == handoff.Stop && r.Restart:
		m.stop(handoff.Reboot)
		return handoff.Answer{}, nil
	case r.Do == handoff.Stop:
		m.stop(handoff.Shutdown)
		return handoff.Answer{}, nil
	case r.Do == handoff.Mount:
		return handoff.Answer{}, m.mountFor(r.Args)
	case r.Do == handoff.Add && len(r.files) == 1:
		return handoff.Answer{}, m.disks.add(r.Disk, r.files[0])
	case r.Do == handoff.Drop && m.spec.Rootless:
		return handoff.Answer{}, m.disks.drop(r.Disk)
	case m.kernel && r.Do == handoff.Add:
		return handoff.Answer{}, linkDisk(r.Disk)
	case m.kernel && r.Do == handoff.Drop:
		return handoff.Answer{}, unlinkDisk(r.Disk, r.Force)
	case m.kernel && r.Do == handoff.SetLinks:
		return handoff.Answer{}, setLinks(r.Links)
	case r.Do == handoff.Add:
		mask := unix.Umask(0)
		defer unix.Umask(mask)
		return handoff.Answer{}, addDisk(r.Disk)
	case r.Do == handoff.Drop:
		return handoff.Answer{}, dropDisk(r.Disk)
	}
	return handoff.Answer{}, fmt.Errorf("unknown request %q", r.Do)
}

// runFor runs a command with the streams that were passed, until it ends or
// the one who asked goes away.
func (m *machine) runFor(r asked) (handoff.Answer, error) {
	if len(r.files) != 3 || len(r.Args) == 0 {
		return handoff.Answer{}, errors.New("a command needs its arguments and three streams")
	}
	user := r.User
	if user == "" {
		user = "root"
	}
	a, err := findAccount(user)
	if err != nil {
		return handoff.Answer{}, err
	}
	dir := r.Dir
	if dir == "" {
		dir = "/"
	}
	env := append(m.environment(a), r.Env...)
	path, err := lookProgram(r.Args[0], env, dir)
	if err != nil {
		return handoff.Answer{Exit: 127}, err
	}
	attr := &syscall.ProcAttr{Dir: dir, Env: env, Sys: &syscall.SysProcAttr{Setsid: true, Credential: a.credential()}}
	for _, f := range r.files {
		attr.Files = append(attr.Files, f.Fd())
	}
	c, err := m.children.start(path, r.Args, attr)
	if errors.Is(err, unix.EACCES) && dir != "/" { // a folder that the user may not enter
		attr.Dir = "/"
		c, err = m.children.start(path, r.Args, attr)
	}
	if err != nil {
		return handoff.Answer{Exit: 126}, err
	}
	for _, f := range r.files {
		f.Close() // so that readers see the end with the command's
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		b := make([]byte, 16)
		for {
			n, err := r.hangup.Read(b)
			for _, s := range b[:n] {
				unix.Kill(-c.pid, unix.Signal(s))
			}
			if err != nil {
				return
			}
		}
	}()
	var status syscall.WaitStatus
	select {
	case status = <-c.done: // what it left in the background goes on
	case <-gone:
		unix.Kill(-c.pid, unix.SIGKILL)
		status = <-c.done
	}
	return handoff.Answer{Exit: exitCode(status)}, nil
}

// lookProgram finds a program by name as a shell does.
func lookProgram(name string, env []string, dir string) (string, error) {
	if strings.Contains(name, "/") {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		return name, executable(name)
	}
	path := searchPath
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, "PATH="); ok {
			path = v
		}
	}
	for _, d := range filepath.SplitList(path) {
		if p := filepath.Join(d, name); executable(p) == nil {
			return p, nil
		}
	}
	return "", fmt.Errorf("%s: command not found", name)
}

func executable(name string) error {
	i, err := os.Stat(name)
	if err != nil {
		return err
	}
	if i.IsDir() || i.Mode()&0o111 == 0 {
		return &os.PathError{Op: "run", Path: name, Err: unix.EACCES}
	}
	return nil
}

// maySudo reads the sudoers files as far as they say who may do all without a
// password: no account of the machine has one.
func maySudo(a account) bool {
	files, _ := filepath.Glob("/etc/sudoers.d/*")
	for _, name := range append(files, "/etc/sudoers") {
		b, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			who, what, ok := strings.Cut(strings.TrimSpace(line), " ")
			if !ok || !strings.Contains(what, "NOPASSWD:") || !strings.HasSuffix(strings.ReplaceAll(what, " ", ""), "ALL") {
				continue
			}
			if group, ok := strings.CutPrefix(who, "%"); who == a.name || who == "ALL" || ok && inGroup(a.name, group) {
				return true
			}
		}
	}
	return false
}

func inGroup(user, group string) bool {
	b, err := os.ReadFile("/etc/group")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) == 4 && f[0] == group {
			for member := range strings.SplitSeq(f[3], ",") {
				if member == user {
					return true
				}
			}
		}
	}
	return false
}
