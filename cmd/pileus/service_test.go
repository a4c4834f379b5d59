package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnits reads the unit files of the documentation: what they start is
// commands of this program, with flags that it has.
func TestUnits(t *testing.T) {
	files, err := filepath.Glob("../../docs/*.service")
	if err != nil || len(files) != 2 {
		t.Fatalf("units: %v, %v", files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var started []string
		for line := range strings.Lines(string(b)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			if !strings.HasPrefix(key, "Exec") {
				continue
			}
			words := strings.Fields(value)
			if filepath.Base(words[0]) != "pileus" {
				t.Errorf("%s: %s", file, line)
			}
			command, rest, err := rootCommand().Find(words[1:])
			if err == nil {
				err = command.ParseFlags(rest)
			}
			if err != nil {
				t.Errorf("%s: %s: %v", file, line, err)
			}
			started = append(started, command.Name())
		}
		if got := strings.Join(started, " "); got != "up wait" {
			t.Errorf("%s starts %q", file, got)
		}
	}
}

// TestCloudsOfServices: a session finds the cloud that a service manager has
// started, which knows no folder of a session.
func TestCloudsOfServices(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_STATE_HOME", "")
	t.Setenv("XDG_RUNTIME_DIR", "")
	forget, err := remember(running{Endpoint: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	defer forget()
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	if list := clouds(); len(list) != 1 || list[0].PID != os.Getpid() {
		t.Errorf("found %+v", list)
	}
}
