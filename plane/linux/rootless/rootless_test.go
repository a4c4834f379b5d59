//go:build linux

package rootless

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"pileus/plane/linux/process"
)

const role = "PILEUS_TEST_ROOTLESS" // the folder of one who enters

// TestMain lets this program be a holder, and one who enters its namespaces.
func TestMain(m *testing.M) {
	Hold()
	s := Current()
	switch folder := os.Getenv(role); {
	case folder == "":
		os.Exit(m.Run())
	case s == nil:
		fmt.Println(errors.Join(Missing(), Enter(folder)))
		os.Exit(1)
	default:
		act(s)
	}
}

// act tells where it is, and ends the namespaces if it is told to.
func act(s *Session) {
	ids, _ := os.ReadFile("/proc/self/uid_map")
	mounts, _ := os.Readlink("/proc/self/ns/mnt")
	probe := os.WriteFile("/run/netns/probe", nil, 0o600)
	fmt.Printf("holder=%d fresh=%v uid=%d ranges=%d mounts=%s probe=%v\n", s.Holder, s.Fresh, os.Getuid(), bytes.Count(ids, []byte("\n")), mounts, probe)
	if line, _ := bufio.NewReader(os.Stdin).ReadString('\n'); line == "end\n" {
		fmt.Println(s.End())
	}
	os.Exit(0)
}

// someone is a user with ranges of ids.
func someone(t *testing.T) (uid, gid int) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root can be somebody else")
	}
	f, err := os.Open("/etc/subuid")
	if err != nil {
		t.Skip("SKIPPED: ", err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		name, _, _ := strings.Cut(s.Text(), ":")
		u, err := user.Lookup(name)
		if err != nil || u.Uid == "0" {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err1 == nil && err2 == nil {
			return uid, gid
		}
	}
	t.Skip("SKIPPED: no user here has a range of ids in /etc/subuid")
	return 0, 0
}

// entering is this program as that user in a folder's namespaces.
type entering struct {
	t        *testing.T
	program  string
	folder   string
	uid, gid int
}

func (e *entering) enter(order string) (said string) {
	e.t.Helper()
	c := exec.Command(e.program)
	c.Dir, c.Env = "/", []string{role + "=" + e.folder, "PATH=" + os.Getenv("PATH")}
	c.Stdin = strings.NewReader(order + "\n")
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(e.uid), Gid: uint32(e.gid)}}
	out, err := c.CombinedOutput()
	if err != nil && strings.Contains(string(out), "install ") || strings.Contains(string(out), "forbidden") {
		e.t.Skipf("SKIPPED: %s", out)
	}
	if err != nil {
		e.t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func holderOf(t *testing.T, said string) (pid int) {
	t.Helper()
	if _, err := fmt.Sscanf(said, "holder=%d", &pid); err != nil {
		t.Fatalf("%q: %v", said, err)
	}
	return pid
}

func ended(pid int) bool {
	_, err := process.BirthOf(pid)
	return err != nil
}

// TestEnter enters the namespaces of a folder three times: they are made once,
// found again, and ended.
func TestEnter(t *testing.T) {
	uid, gid := someone(t)
	dir, err := os.MkdirTemp("/tmp", "pileus-rootless-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	e := &entering{t, filepath.Join(dir, "program"), filepath.Join(dir, "namespaces"), uid, gid}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(e.program, self, 0o755), os.Chmod(dir, 0o755), os.Chown(dir, uid, gid)); err != nil {
		t.Fatal(err)
	}
	first := e.enter("")
	holder := holderOf(t, first)
	t.Cleanup(func() {
		if p, err := process.Hold(holder, 0, false); err == nil && p != nil && !ended(holder) {
			p.Kill()
		}
	})
	if !strings.Contains(first, "fresh=true uid=0 ranges=2") || !strings.Contains(first, "probe=<nil>") {
		t.Errorf("first: %s", first)
	}
	second := e.enter("")
	if want := strings.Replace(first, "fresh=true", "fresh=false", 1); second != want {
		t.Errorf("second: %swant:   %s", second, want)
	}
	if !Left(e.folder) {
		t.Error("what is there is not known as left")
	}
	if said := e.enter("end"); !strings.HasSuffix(said, "<nil>\n") || holderOf(t, said) != holder {
		t.Errorf("end: %s", said)
	}
	p, err := process.Hold(holder, 0, false)
	if err == nil && p != nil {
		p.Wait()
		p.Release()
	}
	if !ended(holder) || Left(e.folder) {
		t.Error("the holder is there after the end")
	}
	after := e.enter("end")
	if !strings.Contains(after, "fresh=true") || holderOf(t, after) == holder {
		t.Errorf("after the end: %s", after)
	}
}

// TestAnswer reads what a holder says of its work.
func TestAnswer(t *testing.T) {
	for line, want := range map[string]string{"ok\n": "", "no such thing\n": "no such thing", "": "ended"} {
		err := answer(io.Reader(strings.NewReader(line)))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", line, err, want)
		}
	}
}

// TestSubordinate reads the range that a file gives to whoever runs the test.
func TestSubordinate(t *testing.T) {
	u, err := user.Current()
	if err != nil {
		t.Skip(err)
	}
	for text, want := range map[string]span{
		"":                                      {},
		"nobody-else:100000:65536\n":            {},
		u.Username + ":100000:65536\n":          {100000, 65536},
		u.Uid + ":200000:131072\n":              {200000, 131072},
		u.Username + ":100000:1000\n":           {}, // too few for a machine
		u.Username + ":1\n":                     {},
		"x:1:65536\n" + u.Uid + ":300000:65536": {300000, 65536},
	} {
		file := filepath.Join(t.TempDir(), "subuid")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := subordinate(file)
		if got != want || (err == nil) != (want != span{}) {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), "usermod --add-subuids") {
			t.Errorf("%q: %v names no remedy", text, err)
		}
	}
}
