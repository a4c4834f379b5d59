//go:build linux

package qemu

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"pileus/plane"
	"pileus/plane/linux/process"
)

// TestFoundAgain finds what earlier processes have recorded, of this start of the
// host or of another: there, a number of a process means nothing.
func TestFoundAgain(t *testing.T) {
	born, err := process.BirthOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	const gone = 1 << 30 // more than numbers of processes go to
	for name, test := range map[string]struct {
		boot  string
		pid   int
		ended string
		fresh bool
		want  string
	}{
		"nobody saw it end":                     {"this", gone, "", false, crashed},
		"it said that it would end":             {"this", gone, shutDown, false, shutDown},
		"it had crashed":                        {"this", 0, crashed, false, crashed},
		"the host restarted":                    {"another", os.Getpid(), "", false, lost},
		"the host restarted after a crash":      {"another", 0, crashed, false, lost},
		"the host restarted after it was down":  {"another", 0, shutDown, false, shutDown},
		"the host restarted after it was ended": {"another", 0, stopped, false, stopped},
		"its namespaces are gone":               {"this", gone, "", true, lost},
		"of a version that did not record it":   {"", gone, "", false, crashed},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			r := record{Machine: plane.Machine{ID: "i-1"}, PID: test.pid, Birth: born, Boot: test.boot, Ended: test.ended, Booted: test.pid != 0}
			b, err := json.Marshal(r)
			if err == nil {
				err = os.Mkdir(filepath.Join(dir, "i-1"), 0o700)
			}
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, "i-1", recordFile), b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			e, err := Open(Options{Cloud: "found", Dir: dir, Boot: "this", Fresh: test.fresh, Rootless: true})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			s, err := e.MachineStatus(t.Context(), "i-1")
			if err != nil || s.State != plane.Stopped || s.Reason != test.want || s.Booted {
				t.Errorf("%+v, %v: want that it is stopped: %s", s, err, test.want)
			}
		})
	}
}
