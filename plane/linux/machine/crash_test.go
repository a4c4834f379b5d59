//go:build linux

package machine

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"pileus/plane"
	"pileus/plane/linux/cgroup"
	"pileus/plane/linux/cgroup/cgrouptest"
	"pileus/plane/linux/process"
)

// launcherArgument makes this program launch machines and be killed meanwhile.
const launcherArgument = "launch-machines"

// launcher launches the machines that its standard input describes, and says
// so of each that is up.
func launcher(args []string) {
	dir, cloud, program := args[0], args[1], args[2]
	w := &world{dir: dir, cloud: cloud}
	m, err := Open(Options{Cloud: cloud, Dir: dir + "/machines", Program: program, Device: w.device})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var list []plane.Machine
	if err := json.NewDecoder(os.Stdin).Decode(&list); err != nil {
		os.Exit(1)
	}
	var wg sync.WaitGroup
	for _, want := range list {
		wg.Go(func() {
			if err := m.EnsureMachine(context.Background(), want); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return
			}
			fmt.Println(want.ID)
		})
	}
	wg.Wait()
	select {} // until it is killed
}

// TestCrash ends the service that launches machines in the middle of it, with
// SIGKILL for all its processes. Whatever is then found is in a true state: what runs can be
// used, what does not can be booted, and all of it goes away when told to.
func TestCrash(t *testing.T) {
	const many = 20
	for _, after := range []int{0, 3, 12} { // this many are up when it is killed
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			w := newWorld(t)
			if err := w.machines.Close(); err != nil {
				t.Fatal(err)
			}
			var list []plane.Machine
			for i := range many {
				list = append(list, w.machine(fmt.Sprintf("i-%d", i), nil))
			}
			w.launchAndKill(list, after)
			w.open()
			found := map[string]plane.MachineStatus{}
			all, err := w.machines.Machines(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range all {
				found[s.ID] = s
			}
			if len(found) < after {
				t.Errorf("%d machines were up, %d are known", after, len(found))
			}
			up := 0
			for _, m := range list {
				if s := found[m.ID]; s.State == plane.Running {
					up++
				} else if s.State == plane.Stopped && s.Reason == "" {
					t.Errorf("%s stopped for no reason", m.ID)
				}
				if err := w.machines.EnsureMachine(t.Context(), m); err != nil {
					t.Fatal(err)
				}
			}
			for _, m := range list {
				w.ready(m.ID)
				w.must(m.ID, "test -w /root")
			}
			if up < after {
				t.Errorf("%d machines were up, %d have outlived the service", after, up)
			}
			t.Logf("%d of %d machines had survived", up, many)
			if err := w.machines.Clear(); err != nil {
				t.Fatal(err)
			}
			w.nothingLeft()
		})
	}
}

func (w *world) launchAndKill(list []plane.Machine, after int) {
	w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := json.Marshal(list)
	if err != nil {
		w.t.Fatal(err)
	}
	c := exec.Command(self, launcherArgument, w.dir, w.cloud, w.options().Program)
	c.Stdin, c.Stderr = strings.NewReader(string(b)), os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	service := cgrouptest.New(w.t, "")
	if err := service.Start(c); err != nil {
		w.t.Fatal(err)
	}
	if after == 0 { // at once: as soon as there is anything
		w.until("a machine is begun", func() bool { e, _ := os.ReadDir(w.dir + "/machines"); return len(e) > 0 })
	}
	for range after {
		var id string
		if _, err := fmt.Fscanln(out, &id); err != nil {
			w.t.Fatal(err)
		}
	}
	service.End()
	c.Wait()
}

// nothingLeft looks for whatever of this cloud is in the kernel.
func (w *world) nothingLeft() {
	w.t.Helper()
	for _, device := range w.loops {
		if claimed(device) {
			w.t.Errorf("%s is still mounted somewhere", device)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		w.t.Fatal(err)
	}
	if strings.Contains(string(mounts), w.dir) {
		w.t.Errorf("mounts are left:\n%s", mounts)
	}
	controllers, unified, err := cgroup.Mounts()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, dir := range append(slices.Collect(maps.Values(controllers)), unified) {
		if _, err := os.Stat(dir + "/pileus-" + w.cloud); dir != "" && err == nil {
			w.t.Errorf("control group %s/pileus-%s is left", dir, w.cloud)
		}
	}
	entries, err := os.ReadDir(w.dir + "/machines")
	if err != nil || len(entries) != 0 {
		w.t.Errorf("folders are left: %v %v", entries, err)
	}
	processes, err := os.ReadDir("/proc")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, p := range processes {
		if pid, err := strconv.Atoi(p.Name()); err != nil {
			continue
		} else if _, err := process.BirthOf(pid); err != nil {
			continue // dead, and not waited for yet by who got it
		}
		if b, err := os.ReadFile("/proc/" + p.Name() + "/cgroup"); err == nil && strings.Contains(string(b), "/pileus-"+w.cloud+"/") {
			w.t.Errorf("process %s is left", p.Name())
		}
	}
}
