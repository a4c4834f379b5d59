package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"pileus/bench/load"
	"pileus/clock"
)

// target is a server under measurement.
type target struct {
	name    string
	binary  string
	addr    string
	dir     string // its data; "" where it has none
	session *load.Session
	process *exec.Cmd // nil where it was running already
	exited  chan error
	log     string
	started time.Duration // from exec to ready
}

// readyLimit is how long a target may take to start.
const readyLimit = 60 * time.Second

// startAll starts what was asked for.
func startAll(ctx context.Context, o *options) (all []*target, err error) {
	for _, name := range o.targets {
		t, err := o.newTarget(ctx, name)
		if err == nil && t.process == nil && t.binary != "" {
			err = t.start(ctx, o.args)
		}
		if err != nil {
			return all, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, t)
	}
	return all, nil
}

// newTarget finds or builds a target's binary and gives it a port and a folder.
func (o *options) newTarget(ctx context.Context, name string) (*target, error) {
	t := &target{name: name}
	credential := ours
	var err error
	switch name {
	case "pileus":
		t.addr = o.endpoint
		if t.addr == "" {
			if t.binary, err = filepath.Abs(o.pileus); err == nil {
				_, err = os.Stat(t.binary) // make build makes it
			}
		}
	case "floor":
		t.binary, err = buildFloor(ctx, o.dir)
	case "minio":
		credential = minios
		if t.binary = os.Getenv("MINIO"); t.binary == "" {
			t.binary, err = buildMinIO(ctx, o.dir)
		}
	default:
		err = errors.New("not a target: pileus, floor and minio are")
	}
	if err != nil {
		return nil, err
	}
	if t.addr == "" {
		if t.addr, err = freePort(); err != nil {
			return nil, err
		}
		if t.dir, err = os.MkdirTemp(o.dir, "pileus-bench-"+name+"-"); err != nil {
			return nil, err
		}
	}
	t.session = load.NewSession(load.Target{Name: name, Addr: t.addr, Credential: credential, SignPayload: o.signed})
	return t, nil
}

// buildFloor compiles the floor beside the data folders.
func buildFloor(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "pileus-bench-floor")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "./bench/floor").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return binary, nil
}

// minioVersion is the last one published as source.
const minioVersion = "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c"

// buildMinIO compiles MinIO, which takes minutes, unless it was done before.
// It is run for comparison only; nothing of ours depends on it.
func buildMinIO(ctx context.Context, dir string) (string, error) {
	bin := filepath.Join(dir, "pileus-bench-minio-bin")
	binary := filepath.Join(bin, "minio")
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	fmt.Fprintln(os.Stderr, "bench: building MinIO, which takes some minutes")
	c := exec.CommandContext(ctx, "go", "install", minioVersion)
	c.Env = append(os.Environ(), "GOBIN="+bin)
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return binary, nil
}

// freePort finds a port by opening and closing it.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// command is how the target is run.
func (t *target) command(args []string) *exec.Cmd {
	_, port, _ := net.SplitHostPort(t.addr)
	switch t.name {
	case "pileus":
		return exec.Command(t.binary, append([]string{"up", "--data-dir", t.dir, "--port", port}, args...)...)
	case "minio":
		c := exec.Command(t.binary, "server", "--quiet", "--address", t.addr, t.dir)
		c.Env = append(os.Environ(), "MINIO_ROOT_USER="+minios.AccessKey, "MINIO_ROOT_PASSWORD="+minios.Secret, "MINIO_BROWSER=off", "MINIO_UPDATE=off", "CI=1")
		return c
	}
	return exec.Command(t.binary, "-port", port)
}

// start runs the target and waits until it is ready: pileus and the floor say
// so on standard output, MinIO answers on its port.
func (t *target) start(ctx context.Context, args []string) error {
	t.process = t.command(args)
	t.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	t.log = strings.TrimSuffix(t.dir, "/") + ".log"
	log, err := os.Create(t.log)
	if err != nil {
		return err
	}
	defer log.Close()
	t.process.Stderr = log
	out, in := io.Pipe()
	t.process.Stdout = in
	watch := clock.Start()
	if err := t.process.Start(); err != nil {
		t.process = nil
		return err
	}
	t.exited = make(chan error, 1)
	go func() { err := t.process.Wait(); in.Close(); t.exited <- err }()
	said := make(chan struct{})
	go listen(out, said)
	if t.name == "minio" {
		said = make(chan struct{})
		go answering(ctx, t.addr, said)
	}
	late, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	select {
	case <-said:
		t.started = watch.Elapsed()
		return nil
	case err := <-t.exited:
		t.exited <- err
		return fmt.Errorf("it ended before it was ready (%v); its log is %s", err, t.log)
	case <-late.Done():
		t.halt(syscall.SIGKILL)
		return fmt.Errorf("not ready after %v; its log is %s", readyLimit, t.log)
	}
}

// listen reads a target's output to its end and tells when it is ready.
func listen(out io.Reader, said chan<- struct{}) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if said != nil && strings.HasPrefix(lines.Text(), "Ready.") {
			close(said)
			said = nil
		}
	}
}

// answering tells when a port takes connections and answers HTTP.
func answering(ctx context.Context, addr string, said chan<- struct{}) {
	machine := clock.New()
	for ctx.Err() == nil {
		if c, err := net.Dial("tcp", addr); err == nil {
			fmt.Fprintf(c, "GET /minio/health/live HTTP/1.1\r\nHost: %s\r\n\r\n", addr)
			line, err := bufio.NewReader(c).ReadString('\n')
			c.Close()
			if err == nil && strings.Contains(line, " 200 ") {
				close(said)
				return
			}
		}
		if machine.Wait(ctx, 2*time.Millisecond) != nil {
			return
		}
	}
}

// serves tells whether the target has a service.
func (t *target) serves(service string) bool { return t.name != "minio" || service == "s3" }

// run measures a workload once, with the processor time that it cost.
func (t *target) run(w load.Workload, d time.Duration) (load.Result, error) {
	if err := t.session.Before(w, d); err != nil {
		return load.Result{}, err
	}
	var server, client time.Duration
	r, err := t.session.Run(w, d, func() { server, client = processor(t.pid()), processor(os.Getpid()) })
	if err == nil && r.Operations > 0 {
		n := float64(r.Operations)
		if t.pid() > 0 {
			r.ServerCPU = float64((processor(t.pid()) - server).Microseconds()) / n
		}
		r.ClientCPU = float64((processor(os.Getpid()) - client).Microseconds()) / n
	}
	return r, err
}

// pid is the target's process, or 0.
func (t *target) pid() int {
	if t.process == nil {
		return 0
	}
	return t.process.Process.Pid
}

func (t *target) signal(s syscall.Signal) {
	if t.process == nil {
		return
	}
	if err := t.process.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		fmt.Fprintf(os.Stderr, "bench: signalling %s: %v\n", t.name, err)
	}
}

func (t *target) freeze() { t.signal(syscall.SIGSTOP) }
func (t *target) thaw()   { t.signal(syscall.SIGCONT) }

// halt ends the process with a signal and waits for it.
func (t *target) halt(s syscall.Signal) {
	if t.process == nil {
		return
	}
	t.thaw()
	t.signal(s)
	<-t.exited
	t.process = nil
}

// stop ends the target and removes its data and log.
func (t *target) stop() {
	t.halt(syscall.SIGKILL)
	if t.dir == "" {
		return
	}
	for _, path := range []string{t.dir, t.log} {
		if err := os.RemoveAll(path); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	}
}
