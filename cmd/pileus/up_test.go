package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// TestFirstSteps is the README's first screen, as far as it needs no client.
func TestFirstSteps(t *testing.T) {
	m := newMachine(t)
	p := m.up()
	for _, want := range []string{"endpoint     http://127.0.0.1:", "test / test", "account 000000000000", `env)"`, "aws s3 mb s3://hello", "trail --follow", "started in"} {
		if !strings.Contains(p.banner, want) {
			t.Errorf("the banner lacks %q:\n%s", want, p.banner)
		}
	}
	if strings.Contains(p.banner, "WARNING") {
		t.Errorf("warnings of a plain start:\n%s", p.banner)
	}
	m.must("wait", "--timeout", "2m")
	if out := m.must("env"); !strings.Contains(out, "export AWS_ENDPOINT_URL='"+p.endpoint+"'") {
		t.Errorf("it did not find the cloud by itself:\n%s", out)
	}
	if out := m.must("status"); !strings.Contains(out, p.endpoint) || !strings.Contains(out, filepath.Join(m.home, ".local/share/pileus/data")) {
		t.Error(out)
	}
	m.must("snapshot", "save", "empty")
	m.must("clock", "advance", "10d")
	if out := m.must("down"); !strings.Contains(out, "stopped "+p.endpoint) {
		t.Error(out)
	}
	if err := p.wait(); err != nil {
		t.Errorf("the cloud ended with %v\n%s", err, p.errors)
	}
	if complaint := m.refuses("status", "--endpoint", p.endpoint); !strings.Contains(complaint, "no cloud answers") {
		t.Error(complaint)
	}
	if out := m.must("snapshot", "list"); !strings.Contains(out, "empty") {
		t.Errorf("without a cloud: %s", out)
	}
	p = m.up() // at once: the state is free when `down` returns
	if out := m.must("clock", "show"); !strings.Contains(out, "+10d from the machine's time") {
		t.Errorf("the clock after a restart: %s", out)
	}
	if out := m.must("snapshot", "load", "empty"); !strings.Contains(out, "loaded empty") {
		t.Error(out)
	}
	if out := m.must("clock", "show"); !strings.Contains(out, "(the machine's time)") {
		t.Errorf("the clock of the snapshot: %s", out)
	}
	if err := p.stop(); err != nil {
		t.Errorf("Ctrl-C ends it with %v\n%s", err, p.errors)
	}
}

func TestTwoClouds(t *testing.T) {
	m := newMachine(t)
	first := m.up()
	if complaint := m.refuses("up", "--port", "0"); !strings.Contains(complaint, "is in use by another pileus") || !strings.Contains(complaint, "--data-dir") {
		t.Errorf("a second one with the same state: %s", complaint)
	}
	_, port, err := net.SplitHostPort(strings.TrimPrefix(first.endpoint, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if complaint := m.refuses("up", "--ephemeral", "--port", port); !strings.Contains(complaint, "is in use") || !strings.Contains(complaint, "--port") {
		t.Errorf("a second one on the same port: %s", complaint)
	}
	second := m.up("--ephemeral", "--secret-key", "of the second")
	if out := m.must("status"); !strings.Contains(out, second.endpoint) || !strings.Contains(out, "also runs   "+first.endpoint) {
		t.Errorf("the one that was started last, and the other:\n%s", out)
	}
	if out := m.must("env"); !strings.Contains(out, "AWS_SECRET_ACCESS_KEY='of the second'") {
		t.Errorf("credentials of the cloud:\n%s", out)
	}
	if out := m.must("env", "--endpoint", first.endpoint); !strings.Contains(out, "AWS_SECRET_ACCESS_KEY='test'") {
		t.Errorf("credentials of the other:\n%s", out)
	}
	if out := m.must("down"); !strings.Contains(out, "stopped "+second.endpoint) || !strings.Contains(out, "pileus down --endpoint "+first.endpoint) {
		t.Error(out)
	}
	if err := second.wait(); err != nil {
		t.Error(err)
	}
	if out := m.must("status"); !strings.Contains(out, first.endpoint) {
		t.Errorf("when the second has gone:\n%s", out)
	}
	m.must("down")
	if err := first.wait(); err != nil {
		t.Error(err)
	}
}

func TestKilledCloudsAreForgotten(t *testing.T) {
	m := newMachine(t)
	p := m.up()
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.wait()
	again := m.up()
	if out := m.must("status"); strings.Contains(out, p.endpoint) || !strings.Contains(out, again.endpoint) {
		t.Errorf("after a kill:\n%s", out)
	}
	files, err := filepath.Glob(filepath.Join(m.home, ".local/share/pileus/run/*"))
	if err != nil || len(files) != 1 {
		t.Errorf("run files %v, %v", files, err)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the run file: %v, %v", info.Mode(), err)
	}
}

func TestInitScripts(t *testing.T) {
	m := newMachine(t)
	for _, stage := range []string{"boot", "start", "ready", "shutdown"} {
		m.write(".config/pileus/init/"+stage+".d/note.sh", "echo "+stage+" $AWS_ENDPOINT_URL >>"+m.home+"/stages")
	}
	m.write(".config/pileus/init/ready.d/fail.sh", "exit 7")
	p := m.up()
	m.must("wait")
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	got, err := os.ReadFile(filepath.Join(m.home, "stages"))
	want := "boot\nstart " + p.endpoint + "\nready " + p.endpoint + "\nshutdown " + p.endpoint + "\n"
	if err != nil || string(got) != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if !strings.Contains(p.errors.String(), "an init script failed") || !strings.Contains(p.errors.String(), "fail.sh") {
		t.Errorf("the log says nothing of a script that failed:\n%s", p.errors)
	}
}

// TestDownWhileScriptsRun: an init script that does not end keeps nobody from
// stopping the cloud.
func TestDownWhileScriptsRun(t *testing.T) {
	m := newMachine(t)
	m.write(".config/pileus/init/ready.d/forever.sh", "exec sleep 600")
	p := m.up("--ephemeral")
	// On a busy machine not even the cloud's health may be known within a second.
	complaint := ""
	for range 60 {
		if complaint = m.refuses("wait", "--timeout", "1s"); strings.Contains(complaint, "init scripts") {
			break
		}
	}
	if !strings.Contains(complaint, "init scripts") {
		t.Error(complaint)
	}
	m.must("down")
	if err := p.wait(); err != nil {
		t.Error(err)
	}
}

func TestTerminate(t *testing.T) {
	m := newMachine(t)
	p := m.up("--ephemeral", "--log-format", "json")
	if !strings.Contains(p.banner, "WARNING      ephemeral") {
		t.Errorf("no warning of an ephemeral cloud:\n%s", p.banner)
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.wait(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(p.errors.String(), `"msg":"stopping"`) {
		t.Errorf("the log:\n%s", p.errors)
	}
}

// TestFollow shows calls as they come, across a snapshot that is loaded.
func TestFollow(t *testing.T) {
	m := newMachine(t)
	p := m.up()
	m.must("snapshot", "save", "s")
	follower := m.command("trail", "--follow")
	out, err := follower.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := follower.Start(); err != nil {
		t.Fatal(err)
	}
	seen := make([]byte, 200)
	if _, err := out.Read(seen); err != nil || !strings.Contains(string(seen), "OPERATION") {
		t.Errorf("%q, %v", seen, err)
	}
	m.must("snapshot", "load", "s")
	if err := follower.Process.Signal(syscall.SIGINT); err != nil {
		t.Errorf("it ended when the snapshot was loaded: %v", err)
	}
	if err := follower.Wait(); err != nil {
		t.Errorf("Ctrl-C ends it with %v", err)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
}

// TestSecondInterrupt ends a cloud whose shutdown script does not.
func TestSecondInterrupt(t *testing.T) {
	m := newMachine(t)
	began := filepath.Join(m.home, "began")
	m.write(".config/pileus/init/shutdown.d/forever.sh", "touch "+began+"; while kill -0 $PPID; do :; done")
	p := m.up("--ephemeral")
	if err := p.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for { // it is about to begin
		if _, err := os.Stat(began); err == nil {
			break
		}
		runtime.Gosched()
	}
	if err := p.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := p.wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGINT {
		t.Errorf("a second Ctrl-C ends it with %v", err)
	}
}
