//go:build linux

package volume

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"pileus/clock"
	"pileus/plane/linux/process"
)

// said keeps what is logged.
type said struct {
	slog.Handler
	mu    sync.Mutex
	lines []string
}

func (h *said) Handle(_ context.Context, r slog.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	line := r.Level.String() + " " + r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	h.lines = append(h.lines, line)
	return nil
}

func (h *said) Enabled(context.Context, slog.Level) bool { return true }

func (h *said) all() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.lines, "\n")
}

// within waits until something is so.
func within(t *testing.T, what string, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	for c := clock.New(); !so(); {
		if c.Wait(ctx, poll) != nil {
			t.Fatal("not so in time: " + what)
		}
	}
}

// Of a wait for another process.
const (
	limit = 60 * shortLife / 10
	poll  = shortLife / 1000
)

// killed kills the process that is the cipher of a volume, and waits for its
// end.
func killed(t *testing.T, s *Store, id string) (pid int) {
	t.Helper()
	p := cipherOf(t, s, id)
	must(t, p.Kill())
	within(t, "the cipher has ended", func() bool { _, err := process.BirthOf(p.PID); return err != nil })
	return p.PID
}

// needsResend skips where the kernel keeps what a cipher has not answered to
// itself.
func needsResend(t *testing.T) {
	t.Helper()
	link, err := openFUSE()
	must(t, err)
	defer link.Close()
	mount, err := mountFile(link)
	must(t, err)
	defer mount.Close()
	if err := resend(link); err != nil {
		t.Skip("SKIPPED: ", err)
	}
}

// TestCipherEndsUnnoticed: the cipher of a volume that is closed ends by itself,
// perhaps before anybody has asked for it. That is no event.
func TestCipherEndsUnnoticed(t *testing.T) {
	withCiphers(t)
	s, log := store(t, t.TempDir()), &said{}
	s.log = slog.New(log)
	createEncrypted(t, s, "vol-1", 8<<20)
	open(t, s, "vol-1")
	s.mu.Lock()
	c := s.ciphers["vol-1"]
	s.mu.Unlock()
	d, _, err := s.device("vol-1")
	must(t, err)
	must(t, s.detach("vol-1", d))
	<-c.gone // before close gets to it
	s.endCipher("vol-1")
	if text := log.all(); text != "" {
		t.Errorf("logged: %s", text)
	}
	open(t, s, "vol-1")
	other := store(t, s.dir) // found by another cloud's process, closed by the first
	other.log = s.log
	must(t, s.CloseVolume(t.Context(), "vol-1"))
	other.work.Wait()
	if text := log.all(); text != "" {
		t.Errorf("logged: %s", text)
	}
}

// TestCipherReplaced: who writes to an encrypted volume while its cipher is
// killed, again and again, sees no error, and all that he wrote is there; of
// ciphers that this process has started, and of those that it found.
func TestCipherReplaced(t *testing.T) {
	withCiphers(t)
	needsResend(t)
	for _, found := range []bool{false, true} {
		t.Run(map[bool]string{false: "started", true: "found"}[found], func(t *testing.T) {
			dir := t.TempDir()
			s := store(t, dir)
			createEncrypted(t, s, "vol-1", 64<<20)
			dev := open(t, s, "vol-1")
			if found {
				must(t, s.Close())
				s = store(t, dir)
			}
			f, err := os.OpenFile(dev, os.O_RDWR|syscall.O_SYNC, 0)
			must(t, err)
			defer f.Close()
			wrote, stop := make(chan int), make(chan struct{})
			go func() {
				defer close(wrote)
				for i := 0; ; i++ {
					if _, err := f.WriteAt([]byte(marker+strconv.Itoa(i)), int64(i%4096)*8192); err != nil {
						t.Errorf("write %d: %v", i, err)
						return
					}
					select {
					case wrote <- i:
					case <-stop:
						return
					}
				}
			}()
			last := 0
			for range 3 {
				killed(t, s, "vol-1")
				for range 20 {
					last = <-wrote
				}
			}
			close(stop)
			for range wrote {
			}
			for i := max(0, last-100); i <= last; i++ {
				want := marker + strconv.Itoa(i)
				if got := seen(t, s, "vol-1", int64(i%4096)*8192, len(want)); got != want {
					t.Fatalf("%d: %q", i, got)
				}
			}
			if list, err := s.Volumes(t.Context()); err != nil || list[0].Fault != "" {
				t.Errorf("listed as %+v, %v", list, err)
			}
			notOnDisk(t, s.path(volumesDir), marker)
		})
	}
}

// TestCipherLost: when the process that encrypts a volume dies and no other can
// take its place its I/O fails, which shows, and what was synced is there once
// the volume is opened anew.
func TestCipherLost(t *testing.T) {
	withCiphers(t)
	s, log := store(t, t.TempDir()), &said{}
	s.log = slog.New(log)
	createEncrypted(t, s, "vol-1", 64<<20)
	dev := open(t, s, "vol-1")
	for i := range 20 {
		must(t, writeTo(t, dev, marker+strconv.Itoa(i), int64(i)<<20))
	}
	s.program = filepath.Join(t.TempDir(), "program")
	must(t, os.WriteFile(s.program, []byte("#!/bin/sh\necho 'it is broken' >&2\nexit 1\n"), 0o700))
	killed(t, s, "vol-1")
	if err := writeTo(t, dev, "lost", 40<<20); err == nil {
		t.Error("a write without a cipher succeeded")
	}
	within(t, "it is told", func() bool { return strings.Contains(log.all(), cipherLost) })
	list, err := s.Volumes(t.Context())
	must(t, err)
	if list[0].Fault == "" || list[0].Device != dev {
		t.Errorf("listed as %+v", list[0])
	}
	if got := seen(t, s, "vol-1", 19<<20, len(marker)); got != marker {
		t.Errorf("a snapshot of it: %q", got)
	}
	other := store(t, s.dir)
	if list, err := other.Volumes(t.Context()); err != nil || list[0].Fault == "" {
		t.Errorf("after a restart: %+v, %v", list, err)
	}
	dev = open(t, other, "vol-1")
	f, err := os.Open(dev)
	must(t, err)
	defer f.Close()
	for i := range 20 {
		want := marker + strconv.Itoa(i)
		b := make([]byte, len(want))
		if _, err := f.ReadAt(b, int64(i)<<20); err != nil || string(b) != want {
			t.Errorf("%d: %q, %v", i, b, err)
		}
	}
	if list, err := other.Volumes(t.Context()); err != nil || list[0].Fault != "" {
		t.Errorf("opened anew: %+v, %v", list, err)
	}
}
