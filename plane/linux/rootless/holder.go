//go:build linux

package rootless

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"pileus/plane/linux/cgroup"
)

// holderName is the name (argv[0]) under which a program is a holder.
const holderName = "pileus-holder"

// What the holder is told once its ids are mapped.
const (
	stay  = "stay"  // until it is killed
	leave = "leave" // when the other end of its input closes
)

// holder is one that was started and stands by.
type holder struct {
	pid   int
	input *os.File // closing it ends a holder that was told so
}

// start starts a holder in namespaces of its own.
func start(order string, shelter *cgroup.Shelter) (*holder, error) {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirIn.Close()
	out, theirOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	defer out.Close()
	var c *exec.Cmd
	begin := func(attr syscall.SysProcAttr) error {
		c = exec.Command("/proc/self/exe")
		c.Args, c.Dir, c.Stdin, c.Stdout = []string{holderName}, "/", theirIn, theirOut
		c.Env = []string{"GOMAXPROCS=1", "GOGC=25"}
		attr.Cloneflags, attr.Setsid = syscall.CLONE_NEWUSER|syscall.CLONE_NEWNS|syscall.CLONE_NEWNET, true
		// Until its ids are mapped it is nobody, and would lose all rights by
		// becoming another program.
		attr.AmbientCaps = []uintptr{unix.CAP_SETUID, unix.CAP_SETGID, unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN, unix.CAP_DAC_OVERRIDE}
		c.SysProcAttr = &attr
		return c.Start()
	}
	if shelter == nil {
		err = begin(syscall.SysProcAttr{})
	} else {
		err = shelter.Start(begin)
	}
	theirOut.Close()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a user namespace: %w", err), in.Close())
	}
	h := &holder{pid: c.Process.Pid, input: in}
	err = h.mapIDs()
	if err == nil {
		_, err = fmt.Fprintln(in, order)
	}
	if err == nil {
		err = answer(out)
	}
	if err != nil {
		return nil, errors.Join(err, c.Process.Kill(), in.Close())
	}
	return h, nil
}

// answer is what the holder says of its work.
func answer(r io.Reader) error {
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		return fmt.Errorf("the holder of the namespaces ended: %w", err)
	}
	if line = strings.TrimSpace(line); line != "ok" {
		return errors.New(line)
	}
	return nil
}

// mapIDs makes the user root in the holder's namespace, and gives it the rest
// of the ids from his range.
func (h *holder) mapIDs() error {
	for _, m := range []struct {
		program, file string
		own           int
	}{{"newuidmap", "/etc/subuid", os.Getuid()}, {"newgidmap", "/etc/subgid", os.Getgid()}} {
		s, err := subordinate(m.file)
		if err != nil {
			return err
		}
		path, err := Tool(m.program)
		if err != nil {
			return err
		}
		out, err := exec.Command(path, strconv.Itoa(h.pid), "0", strconv.Itoa(m.own), "1", "1", strconv.Itoa(s.first), strconv.Itoa(s.count)).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w: %s", m.program, err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}

// Hold is the life of a holder, if this program was started as one; it then
// does not return.
func Hold() {
	if len(os.Args) != 1 || os.Args[0] != holderName {
		return
	}
	in := bufio.NewReader(os.Stdin)
	order, err := in.ReadString('\n')
	if err != nil {
		os.Exit(1) // who started it has gone
	}
	if err := furnish(); err != nil {
		fmt.Println(strings.ReplaceAll(err.Error(), "\n", "; "))
		os.Exit(1)
	}
	fmt.Println("ok")
	os.Stdout.Close()
	signal.Ignore(unix.SIGHUP, unix.SIGINT, unix.SIGPIPE)
	if strings.TrimSpace(order) == leave {
		_, _ = in.ReadByte() // until whoever it holds the place for has ended
		os.Exit(0)
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, unix.SIGTERM)
	<-end
	os.Exit(0)
}

// furnish makes the namespaces a place to work in.
func furnish() error {
	if err := errors.Join(unix.Setgroups(nil), unix.Setresgid(0, 0, 0), unix.Setresuid(0, 0, 0)); err != nil {
		return fmt.Errorf("become root of the user namespace: %w", err)
	}
	// Others of this user may look up the namespaces below /proc.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil {
		return err
	}
	// What the host mounts later appears here as well; nothing goes back.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("leave the host's mounts: %w", err)
	}
	return ownRun()
}

// ownRun makes /run writable, where networks have their names, with all that
// is in it, but for the networks of others.
func ownRun() error {
	const run, names = "/run", "/run/netns"
	if info, err := os.Stat(names); err == nil && info.IsDir() {
		return mountTmp(names)
	}
	before, err := unix.Open(run, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: run, Err: err}
	}
	defer unix.Close(before)
	old := fmt.Sprintf("/proc/self/fd/%d", before)
	entries, err := os.ReadDir(old)
	if err != nil {
		return err
	}
	if err := mountTmp(run); err != nil {
		return err
	}
	for _, e := range entries {
		if err := appear(filepath.Join(old, e.Name()), filepath.Join(run, e.Name()), e); err != nil {
			return err
		}
	}
	return os.MkdirAll(names, 0o755)
}

func mountTmp(on string) error {
	if err := unix.Mount("tmpfs", on, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755,size=16m"); err != nil {
		return &os.PathError{Op: "mount", Path: on, Err: err}
	}
	return nil
}

// appear makes an entry of the old /run an entry of the new one.
func appear(from, to string, e os.DirEntry) error {
	switch {
	case e.Type()&os.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case e.IsDir():
		if err := os.Mkdir(to, 0o755); err != nil {
			return err
		}
	default:
		if err := os.WriteFile(to, nil, 0o600); err != nil {
			return err
		}
	}
	if err := unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, ""); err != nil && !errors.Is(err, unix.ENOENT) {
		return &os.PathError{Op: "bind", Path: to, Err: err}
	}
	return nil
}
