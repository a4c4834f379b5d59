// Package initscripts runs the scripts that a user left to set a cloud up, at
// the stages that LocalStack has: boot, start, ready and shutdown. Scripts of a
// stage run in the order of their names, each to its end.
package initscripts

import (
	"context"
	"encoding/json"
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
)

// Stages of a cloud's life, in order.
const (
	Boot     = "BOOT"     // before anything is opened
	Start    = "START"    // while the cloud starts
	Ready    = "READY"    // once it answers
	Shutdown = "SHUTDOWN" // before it stops
)

// Script is one file and how it went.
type Script struct {
	Stage string `json:"stage"`
	Name  string `json:"name"`
	State string `json:"state"` // UNKNOWN, RUNNING, SUCCESSFUL, ERROR
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
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && interpreter(path) != nil {
			found = append(found, path)
		}
		return nil // what cannot be read is not there
	})
	slices.Sort(found)
	for _, path := range found {
		r.list = append(r.list, &Script{Stage: stage, Name: filepath.Base(path), State: "UNKNOWN", path: path})
	}
}

// interpreter is the command that runs a file, nil where there is none.
func interpreter(path string) []string {
	switch filepath.Ext(path) {
	case ".sh":
		return []string{"sh", path}
	case ".py":
		return []string{"python3", path}
	}
	if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
		return []string{path}
	}
	return nil
}

// Run runs the scripts of a stage. A script that fails is reported and does
// not keep the others, or the cloud, from going on.
func (r *Runner) Run(ctx context.Context, stage string, env []string) {
	for _, s := range r.list {
		if s.Stage != stage {
			continue
		}
		r.set(s, "RUNNING")
		if err := r.run(ctx, s, env); err != nil {
			r.log.Error("an init script failed", "stage", stage, "script", s.path, "err", err)
			r.set(s, "ERROR")
			continue
		}
		r.set(s, "SUCCESSFUL")
	}
	r.mu.Lock()
	r.done[stage] = true
	r.mu.Unlock()
}

func (r *Runner) run(ctx context.Context, s *Script, env []string) error {
	argv := interpreter(s.path)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Dir = filepath.Dir(s.path)
	cmd.Stdout, cmd.Stderr = r.out, r.out
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
		json.NewEncoder(w).Encode(map[string]any{"completed": r.done[only], "scripts": scripts})
		return
	}
	completed := map[string]bool{}
	for _, stage := range []string{Boot, Start, Ready, Shutdown} {
		completed[stage] = r.done[stage]
	}
	json.NewEncoder(w).Encode(map[string]any{"completed": completed, "scripts": scripts})
}
