package crashtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"pileus/clock"
	"pileus/store"
	"pileus/store/pebble"
)

const (
	fillEnv = "PILEUS_CRASH_FILL" // the folder to fill, for the child
	rowsEnv = "PILEUS_START_ROWS" // how many rows; a few where unset
)

// fill writes rows of about the size of an object's record and dies without
// a stop: the log holds what was not flushed.
func fill(dir string, n int) error {
	s, err := pebble.Open(dir, pebble.Options{})
	if err != nil {
		return err
	}
	const batch = 1000
	for i := 0; i < n; i += batch {
		err := s.Update(context.Background(), func(tx store.Tx) error {
			for j := i; j < min(i+batch, n); j++ {
				// Half in order, as messages are, and half not, as objects.
				tx.Put(fmt.Appendf(nil, "message/%010d", j), fmt.Appendf(nil, "%0220d", j))
				tx.Put(fmt.Appendf(nil, "object/%010d", j*7919%n), fmt.Appendf(nil, "%0220d", j))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

// worked is how long processors have worked for this process.
func worked(t *testing.T) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestStart: a start is no more work for much data, neither after a kill nor
// after a clean stop.
func TestStart(t *testing.T) {
	n, within := 20_000, []time.Duration{5 * time.Second, 3 * time.Second}
	if large, err := strconv.Atoi(os.Getenv(rowsEnv)); err == nil {
		n, within = large, []time.Duration{time.Second, 300 * time.Millisecond}
	}
	dir := t.TempDir()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), fillEnv+"="+dir, rowsEnv+"="+strconv.Itoa(n))
	c.Stderr = os.Stderr
	if err := c.Run(); err == nil || c.ProcessState.ExitCode() != -1 {
		t.Fatalf("the child was not killed: %v", err)
	}
	for i, after := range []string{"a kill", "a clean stop"} {
		watch, before := clock.Start(), worked(t)
		s, err := pebble.Open(dir, pebble.Options{})
		if err != nil {
			t.Fatal(err)
		}
		took, work := watch.Elapsed(), worked(t)-before
		t.Logf("%d rows, start after %s: %v", 2*n, after, took.Round(time.Millisecond))
		if work > within[i] { // what others do on this machine is not counted
			t.Errorf("%v of work, more than %v", work, within[i])
		}
		last := fmt.Appendf(nil, "message/%010d", n-1)
		err = s.View(context.Background(), func(r store.Reader) error {
			if _, ok := r.Get(last); !ok {
				t.Error("the last row is lost")
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if i == 1 {
			watch = clock.Start()
			if err := s.Clear(context.Background()); err != nil {
				t.Error(err)
			}
			t.Logf("clear: %v", watch.Elapsed().Round(10*time.Microsecond))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
