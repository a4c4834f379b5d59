// Package pgtest starts a real PostgreSQL for tests: Debian's, installed if it
// is missing and the test may, on a socket in the file system, as an unprivileged
// user, in a folder that goes with the test.
package pgtest

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// Server is a running PostgreSQL.
type Server struct {
	dir, bin string
	who      *syscall.Credential
	process  *exec.Cmd
	made     int
}

// Start starts a server that stops with the test. Where there is no PostgreSQL
// and none can be installed, it skips the test and says why.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{bin: binaries(t)}
	// Not t.TempDir: the other user must be able to walk there.
	var err error
	if s.dir, err = os.MkdirTemp("", "pileus-pg-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(s.dir) })
	s.own(t)
	data := filepath.Join(s.dir, "data")
	s.command(t, "initdb", "-D", data, "-A", "trust", "-U", "pileus", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")
	s.Run(t)
	t.Cleanup(func() { s.Kill(t) })
	return s
}

// own gives the folder to an unprivileged user, which PostgreSQL insists on.
func (s *Server) own(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 != nil || err2 != nil {
			continue
		}
		s.who = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(s.dir, int(uid), int(gid)); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Skip("SKIPPED: PostgreSQL does not run as root and there is neither a user postgres nor nobody")
}

// binaries is the folder of PostgreSQL's programs.
func binaries(t testing.TB) string {
	t.Helper()
	find := func() string {
		found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
		if len(found) == 0 {
			if path, err := exec.LookPath("initdb"); err == nil {
				found = append(found, path)
			}
		}
		if len(found) == 0 {
			return ""
		}
		slices.Sort(found)
		return filepath.Dir(found[len(found)-1])
	}
	if bin := find(); bin != "" {
		return bin
	}
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: no PostgreSQL here, and only root can install it: apt-get install postgresql")
	}
	for _, args := range [][]string{{"update"}, {"install", "-y", "--no-install-recommends", "postgresql"}} {
		c := exec.Command("apt-get", args...)
		c.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := c.CombinedOutput(); err != nil {
			t.Skipf("SKIPPED: no PostgreSQL here, and apt-get %v: %v\n%s", args, err, out)
		}
	}
	bin := find()
	if bin == "" {
		t.Skip("SKIPPED: the package postgresql has no initdb")
	}
	return bin
}

func (s *Server) exec(name string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(s.bin, name), args...)
	c.Dir = s.dir
	c.SysProcAttr = &syscall.SysProcAttr{Credential: s.who, Pdeathsig: syscall.SIGKILL}
	return c
}

func (s *Server) command(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := s.exec(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// Run starts the server, again after Kill, and waits until it answers.
func (s *Server) Run(t testing.TB) {
	t.Helper()
	var log bytes.Buffer
	s.process = s.exec("postgres", "-D", filepath.Join(s.dir, "data"),
		"-c", "listen_addresses=", "-c", "unix_socket_directories="+s.dir, "-c", "shared_buffers=32MB",
		"-c", "max_connections=200", "-c", "fsync=off")
	s.process.Stdout, s.process.Stderr = &log, &log
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	// pg_isready waits for us between its tries only where the server is
	// starting; before that there is no socket and it answers at once.
	for range 2000 {
		if s.exec("pg_isready", "-q", "-h", s.dir, "-t", "5").Run() == nil {
			return
		}
	}
	t.Fatalf("PostgreSQL does not come up:\n%s", log.String())
}

// Kill stops the server at once, as a crash does.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	if s.process == nil {
		return
	}
	// SIGQUIT is PostgreSQL's own way to die without a checkpoint: the
	// postmaster takes its children along.
	if err := s.process.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Errorf("stop PostgreSQL: %v", err)
	}
	_ = s.process.Wait() // it does not end well, as it should
	s.process = nil
}

// DSN is that of a new, empty database.
func (s *Server) DSN(t testing.TB) string {
	t.Helper()
	ctx := context.Background()
	conn, err := pgconn.Connect(ctx, s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	s.made++
	name := fmt.Sprintf("test%d", s.made)
	if err := conn.Exec(ctx, "create database "+name+" template template0").Close(); err != nil {
		t.Fatal(err)
	}
	return s.dsn(name)
}

func (s *Server) dsn(database string) string {
	return fmt.Sprintf("postgres://pileus@/%s?host=%s", database, url.QueryEscape(s.dir))
}
