package crashtest

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"pileus/store"
)

const (
	childEnv = "PILEUS_CRASH_CHILD" // the folder to work in
	countEnv = "PILEUS_CRASHES"     // how often to kill; a few times where unset
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if dir := os.Getenv(fillEnv); dir != "" {
		n, err := strconv.Atoi(os.Getenv(rowsEnv))
		if err == nil {
			err = fill(dir, n)
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// child works until it is killed and tells each operation that it was
// promised: "worker operation".
func child(dir string) error {
	ctx := context.Background()
	r, err := open(dir)
	if err != nil {
		return err
	}
	if err := r.found(ctx); err != nil {
		return err
	}
	var next [workers]int
	err = r.db.View(ctx, func(rd store.Reader) error {
		for w := range workers {
			next[w] = committed(rd, w) + 1
		}
		return nil
	})
	if err != nil {
		return err
	}
	failed := make(chan error)
	var out sync.Mutex
	for w := range workers {
		go func() {
			for op := next[w]; ; op++ {
				if err := r.work(ctx, w, op); err != nil {
					failed <- err
					return
				}
				out.Lock()
				_, err := fmt.Fprintln(os.Stdout, w, op)
				out.Unlock()
				if err != nil {
					return // the parent is gone
				}
			}
		}()
	}
	return <-failed
}

// TestCrash kills a process at work again and again, over one data folder.
func TestCrash(t *testing.T) {
	kills := 40
	if n, err := strconv.Atoi(os.Getenv(countEnv)); err == nil {
		kills = n
	}
	if testing.Short() {
		kills = 5
	}
	dir := t.TempDir()
	rnd := rand.New(rand.NewPCG(rand.Uint64(), 0))
	var acknowledged [workers]int
	for i := range kills {
		// Some die while they start, most at work, some after a while.
		limit := []int{0, rnd.IntN(20), rnd.IntN(200), rnd.IntN(200), rnd.IntN(1000)}[rnd.IntN(5)]
		runChild(t, dir, limit, rnd.IntN(1_000_000), &acknowledged)
		r, err := open(dir)
		if err != nil {
			t.Fatalf("after %d kills: %v", i+1, err)
		}
		if err := r.verify(context.Background(), acknowledged); err != nil {
			t.Fatalf("after %d kills: %v", i+1, err)
		}
		if err := r.close(); err != nil {
			t.Fatal(err)
		}
	}
	sum := 0
	for _, n := range acknowledged {
		sum += n
	}
	t.Logf("%d kills, %d operations acknowledged, lost 0, half done 0", kills, sum)
	if sum == 0 {
		t.Error("the child has done nothing")
	}
}

// runChild starts a child, kills it after so many acknowledgements and a
// little later, and notes what it was promised.
func runChild(t *testing.T, dir string, limit, later int, acknowledged *[workers]int) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childEnv+"="+dir)
	c.Stderr = os.Stderr
	pipe, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(pipe)
	for n := 0; ; n++ {
		if n == limit {
			for later > 0 {
				later--
			}
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		if !lines.Scan() { // what was in the pipe had been told
			break
		}
		var w, op int
		if _, err := fmt.Sscan(lines.Text(), &w, &op); err != nil {
			break // a line cut short by the kill
		}
		acknowledged[w] = max(acknowledged[w], op)
	}
	if err := c.Wait(); err == nil || c.ProcessState.ExitCode() != -1 {
		t.Fatalf("the child was not killed: %v", err)
	}
}
