package initscripts_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pileus/node/initscripts"
)

// script writes a file below dir and returns its path.
func script(t *testing.T, dir, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

type answer struct {
	Completed map[string]bool
	Scripts   []initscripts.Script
}

func ask(t *testing.T, r *initscripts.Runner) (a answer) {
	t.Helper()
	m := http.NewServeMux()
	m.Handle("GET /_localstack/init", r)
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequest("GET", "/_localstack/init", nil))
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestScriptsRunInOrder(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	script(t, first, "ready.d/20-b.sh", "echo first/20", 0o644)
	script(t, first, "ready.d/10-a.sh", "echo first/10", 0o644)
	script(t, first, "ready.d/30/inner.sh", "echo first/30/inner", 0o644)
	script(t, first, "ready.d/README", "no script", 0o644)
	script(t, first, "ready.d/40", "#!/bin/sh\necho executable\n", 0o755)
	script(t, second, "ready.d/00.sh", "echo second/00", 0o644)
	script(t, second, "boot.d/00.sh", "echo boot", 0o644)
	target := script(t, t.TempDir(), "target.sh", "echo linked", 0o644)
	if err := os.Symlink(target, filepath.Join(second, "ready.d", "10-link.sh")); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	r := initscripts.Find([]string{first, second, "/nonexistent"}, &out, slog.New(slog.DiscardHandler))
	r.Run(t.Context(), initscripts.Ready, nil)
	want := "first/10 first/20 first/30/inner executable second/00 linked"
	if got := strings.Join(strings.Fields(out.String()), " "); got != want {
		t.Errorf("ran %q, want %q", got, want)
	}
	a := ask(t, r)
	if !a.Completed["READY"] || a.Completed["BOOT"] || len(a.Scripts) != 7 {
		t.Errorf("%+v", a)
	}
}

func TestAFailureStopsNothing(t *testing.T) {
	dir := t.TempDir()
	script(t, dir, "start.d/1.sh", "exit 3", 0o644)
	script(t, dir, "start.d/2.py", "raise SystemExit(1)", 0o644)
	script(t, dir, "start.d/3", "#!/nonexistent/interpreter\n", 0o755)
	script(t, dir, "start.d/4.sh", "echo reached", 0o644)
	gone := script(t, dir, "start.d/5.sh", "echo gone", 0o644)
	var out, log bytes.Buffer
	r := initscripts.Find([]string{dir}, &out, slog.New(slog.NewTextHandler(&log, nil)))
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	r.Run(t.Context(), initscripts.Start, nil)
	a := ask(t, r)
	var states []string
	for _, s := range a.Scripts {
		states = append(states, s.State)
	}
	if got, want := strings.Join(states, " "), "ERROR ERROR ERROR SUCCESSFUL ERROR"; got != want || !a.Completed["START"] {
		t.Errorf("%s, completed %v; want %s", got, a.Completed, want)
	}
	if !strings.Contains(out.String(), "reached") {
		t.Errorf("what came after a failure did not run: %q", out.String())
	}
	if strings.Count(log.String(), "an init script failed") != 4 || !strings.Contains(log.String(), "1.sh") {
		t.Errorf("the log says\n%s", log.String())
	}
}

func TestScriptsSeeTheCloud(t *testing.T) {
	dir := t.TempDir()
	script(t, dir, "ready.d/env.sh", "echo $AWS_ENDPOINT_URL $(pwd)\n[[ x == x ]] && a=(bash) && echo ${a[0]}", 0o644)
	var out bytes.Buffer
	r := initscripts.Find([]string{dir}, &out, slog.New(slog.DiscardHandler))
	r.Run(t.Context(), initscripts.Ready, []string{"AWS_ENDPOINT_URL=http://here:1"})
	here, err := filepath.EvalSymlinks(filepath.Join(dir, "ready.d"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "http://here:1 "+here+"\nbash\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestAStateIsShownWhileScriptsRun(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "go-on")
	script(t, dir, "ready.d/1.sh", `while [ ! -e "`+pipe+`" ]; do :; done`, 0o644)
	script(t, dir, "ready.d/2.sh", "true", 0o644)
	r := initscripts.Find([]string{dir}, &bytes.Buffer{}, slog.New(slog.DiscardHandler))
	done := make(chan bool)
	go func() {
		r.Run(t.Context(), initscripts.Ready, nil)
		close(done)
	}()
	for ask(t, r).Scripts[0].State != initscripts.Running { // it is about to
	}
	if a := ask(t, r); a.Completed["READY"] || a.Scripts[1].State != initscripts.Unknown {
		t.Errorf("while the first runs: %+v", a)
	}
	script(t, dir, "go-on", "", 0o644)
	<-done
	if a := ask(t, r); !a.Completed["READY"] || a.Scripts[1].State != initscripts.Successful {
		t.Errorf("at the end: %+v", a)
	}
}

func TestNone(t *testing.T) {
	a := ask(t, initscripts.None())
	if !a.Completed["READY"] || a.Completed["SHUTDOWN"] || a.Scripts == nil {
		t.Errorf("%+v", a)
	}
}
