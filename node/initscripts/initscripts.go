// Package initscripts runs the scripts that a user left to set a cloud up, at
// the stages that LocalStack has: boot, start, ready and shutdown. Scripts of a
// stage run in the order of their names, each to its end.
package initscripts

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Stages of a cloud's life, in order.
const (
	Boot     = "BOOT"     // before anything is opened
	Start    = "START"    // while the cloud starts
	Ready    = "READY"    // once it answers
	Shutdown = "SHUTDOWN" // before it stops
)

// States of a script.
const (
	Unknown    = "UNKNOWN" // it has not run
	Running    = "RUNNING"
	Successful = "SUCCESSFUL"
	Failed     = "ERROR"
)

// Script is one file and how it went.
type Script struct {
	Stage string `json:"stage"`
	Name  string `json:"name"`
	State string `json:"state"`
	path  string
}

// Runner finds and runs the scripts below some directories.
type Runner struct {
	log  *slog.Logger
	out  io.Writer
	mu   sync.Mutex
	list []*Script
	done map[string]bool
}

// None has no scripts and has been through every stage: a cloud without them.
func None() *Runner {
	return &Runner{done: map[string]bool{Boot: true, Start: true, Ready: true}}
}

// Find lists the scripts in {boot,start,ready,shutdown}.d below each directory.
// What they print goes to out.
func Find(dirs []string, out io.Writer, log *slog.Logger) *Runner {
	r := &Runner{log: log, out: out, done: map[string]bool{}}
	for _, stage := range []string{Boot, Start, Ready, Shutdown} {
		for _, dir := range dirs {
			r.add(stage, filepath.Join(dir, strings.ToLower(stage)+".d"))
		}
	}
	return r
}

func (r *Runner) add(stage, dir string) {
	var found []string
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && command(path) != nil {
			found = append(found, path)
		}
		return nil // what cannot be read is not there
	})
	slices.Sort(found)
	for _, path := range found {
		r.list = append(r.list, &Script{Stage: stage, Name: filepath.Base(path), State: Unknown, path: path})
	}
}

// command is how a file is run, nil where it is no script: as it is where it
// is executable, else by the interpreter that goes with its name. It may be
// a link, as mounted configuration is.
func command(path string) []string {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	switch ext := filepath.Ext(path); {
	case info.Mode()&0o111 != 0:
		return []string{path}
	case ext == ".sh":
		return []string{shell(), path}
	case ext == ".py":
		return []string{"python3", path}
	}
	return nil
}

// shell runs scripts that do not say what runs them: bash, where it is there,
// because that is what they were written for.
func shell() string {
	if path, err := exec.LookPath("bash"); err == nil {
		return path
	}
	return "sh"
}

// Run runs the scripts of a stage. A script that fails is reported and does
// not keep the others, or the cloud, from going on.
func (r *Runner) Run(ctx context.Context, stage string, env []string) {
	for _, s := range r.list {
		if s.Stage != stage {
			continue
		}
		r.set(s, Running)
		if err := r.run(ctx, s, env); err != nil {
			r.log.Error("an init script failed", "stage", stage, "script", s.path, "err", err)
			r.set(s, Failed)
			continue
		}
		r.set(s, Successful)
	}
	r.mu.Lock()
	r.done[stage] = true
	r.mu.Unlock()
}

func (r *Runner) run(ctx context.Context, s *Script, env []string) error {
	argv := command(s.path)
	if argv == nil {
		return errors.New("it is no script any more")
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Dir = filepath.Dir(s.path)
	cmd.Stdout, cmd.Stderr = r.out, r.out
	cmd.WaitDelay = time.Second // for what it left running with our output
	return cmd.Run()
}

func (r *Runner) set(s *Script, state string) {
	r.mu.Lock()
	s.State = state
	r.mu.Unlock()
}

// ServeHTTP answers /_localstack/init and /_localstack/init/{stage}.
func (r *Runner) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	only := strings.ToUpper(req.PathValue("stage"))
	r.mu.Lock()
	defer r.mu.Unlock()
	scripts := []*Script{}
	for _, s := range r.list {
		if only == "" || s.Stage == only {
			scripts = append(scripts, s)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	if only != "" {
		_ = json.NewEncoder(w).Encode(map[string]any{"completed": r.done[only], "scripts": scripts})
		return
	}
	completed := map[string]bool{}
	for _, stage := range []string{Boot, Start, Ready, Shutdown} {
		completed[stage] = r.done[stage]
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"completed": completed, "scripts": scripts})
}
