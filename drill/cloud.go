package drill

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"pileus/clock"
	"pileus/sigv4"
)

// cloud is the cloud of a drill: a process of its own, with its own state, so
// that it can be killed.
type cloud struct {
	program, dir, port string
	*client
	process *exec.Cmd
	exited  chan error
}

// startLimit is how long the cloud may take until it answers.
const startLimit = 30 * time.Second

// newCloud prepares a cloud with its state below dir; start starts it.
func newCloud(program, dir, region string) (*cloud, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // a port that is free
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	c := &cloud{program: program, dir: dir, port: port}
	c.client = &client{
		endpoint: "http://127.0.0.1:" + port, region: region, as: sigv4.Credential{AccessKey: "test", Secret: "test"},
		http: &http.Client{Timeout: 30 * time.Second},
	}
	return c, l.Close()
}

func (c *cloud) data() string { return filepath.Join(c.dir, "data") }

// start runs the cloud and waits until it says that it is ready.
func (c *cloud) start(ctx context.Context) error {
	p := exec.Command(c.program, "up", "--data-dir", c.data(), "--port", c.port, "--region", c.region, "--plane", "linux", "--uplink=false")
	log, err := os.OpenFile(filepath.Join(c.dir, "cloud.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	p.Stderr = log
	out, err := p.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.Start(); err != nil {
		return err
	}
	c.process, c.exited = p, make(chan error, 1)
	ready := make(chan bool, 1)
	go func() {
		ready <- readiness(out)
		_, _ = io.Copy(io.Discard, out) // until the process ends
		c.exited <- p.Wait()
	}()
	late, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	select {
	case yes := <-ready:
		if !yes {
			return fmt.Errorf("the cloud did not start (%v): its log is %s", <-c.exited, log.Name())
		}
		return nil
	case <-late.Done():
		return errors.Join(fmt.Errorf("the cloud is not ready: its log is %s", log.Name()), late.Err(), c.kill())
	}
}

// readiness reads what the cloud prints until it is ready, or ends.
func readiness(out io.Reader) bool {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "Ready.") {
			return true
		}
	}
	return false
}

// kill ends the cloud as a power cut would.
func (c *cloud) kill() error {
	if err := c.process.Process.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-c.exited
	return nil
}

// run runs a command of the pileus program against the cloud.
func (c *cloud) run(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, c.program, append(args, "--endpoint", c.endpoint)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("pileus %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// down takes everything of the cloud away: its machines, networks, processes.
func (c *cloud) down() error {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	select {
	case <-c.exited: // only a cloud that runs knows all that it has made
		if err := c.start(ctx); err != nil {
			return err
		}
	default:
	}
	return c.run(ctx, "down", "--all")
}

// advance moves the cloud's clock.
func (c *cloud) advance(ctx context.Context, by time.Duration) error {
	_, err := c.steer(ctx, http.MethodPost, "/_pileus/clock/advance", fmt.Sprintf(`{"by":%q}`, by))
	return err
}

// now is the cloud's time.
func (c *cloud) now(ctx context.Context) (time.Time, error) {
	b, err := c.steer(ctx, http.MethodGet, "/_pileus/clock", "")
	if err != nil {
		return time.Time{}, err
	}
	var state struct{ Now time.Time }
	return state.Now, json.Unmarshal(b, &state)
}

// steer asks what only this cloud answers, and no AWS client knows.
func (c *cloud) steer(ctx context.Context, method, path, body string) ([]byte, error) {
	return c.client.send(ctx, "pileus", method, path, "application/json", body)
}

// until asks f again and again, every so often, until it is content; what
// names what is waited for.
func until(ctx context.Context, limit, every time.Duration, what string, f func() (bool, error)) error {
	machine, watch := clock.New(), clock.Start()
	for {
		ok, err := f()
		if ok {
			return nil
		}
		if watch.Elapsed() > limit {
			if err != nil {
				return fmt.Errorf("%s: not within %s: %w", what, limit, err)
			}
			return fmt.Errorf("%s: not within %s", what, limit)
		}
		if err := machine.Wait(ctx, every); err != nil {
			return err
		}
	}
}
