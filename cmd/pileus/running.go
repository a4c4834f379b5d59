package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"pileus/clock"
)

// running is what a cloud leaves in its run file, so that other commands find
// it. Only its user may read that.
type running struct {
	Endpoint  string    `json:"endpoint"`
	PID       int       `json:"pid"`
	Started   time.Time `json:"started"`
	DataDir   string    `json:"dataDir,omitempty"`
	AccessKey string    `json:"accessKey"`
	SecretKey string    `json:"secretKey"`
}

// runDir holds a file for each cloud that this user runs here.
func runDir() string {
	if d := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(d) {
		if _, err := os.Stat(d); err == nil {
			return filepath.Join(d, "pileus")
		}
	}
	return filepath.Join(stateDir(), "run")
}

func (r running) file() string { return filepath.Join(runDir(), fmt.Sprintf("%d.json", r.PID)) }

// remember writes the run file; the returned function removes it.
func remember(r running) (forget func(), err error) {
	r.PID, r.Started = os.Getpid(), clock.Machine()
	b, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(runDir(), 0o700); err != nil {
		return nil, err
	}
	whole := r.file() + ".new" // who reads meanwhile sees all of it or nothing
	if err := os.WriteFile(whole, b, 0o600); err != nil {
		return nil, err
	}
	return func() { _ = os.Remove(r.file()) }, os.Rename(whole, r.file())
}

// clouds are those that this user runs here, the latest first. What a kill has
// left behind is removed. One that a service manager has started knows nothing
// of the folder that a session has.
func clouds() []running {
	files, _ := filepath.Glob(filepath.Join(runDir(), "*.json")) // the pattern is well-formed
	if other := filepath.Join(stateDir(), "run"); other != runDir() {
		more, _ := filepath.Glob(filepath.Join(other, "*.json")) // likewise
		files = append(files, more...)
	}
	var list []running
	for _, path := range files {
		var r running
		if b, err := os.ReadFile(path); err != nil || json.Unmarshal(b, &r) != nil || r.Endpoint == "" {
			continue
		}
		if !alive(r.PID) {
			_ = os.Remove(path)
			continue
		}
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b running) int { return cmp.Or(b.Started.Compare(a.Started), b.PID-a.PID) })
	return list
}

// alive tells whether a process exists.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
