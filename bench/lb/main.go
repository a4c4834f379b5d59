// Command lb compares application load balancers with nginx's proxy_pass: the
// same clients, the same targets, the same processors, in turn, round by round.
//
//	go run ./bench/lb -nginx path/to/nginx -conns 64 -seconds 3 -rounds 3
//
// nginx is there for comparison only; bench/lb/nginx.sh fetches Debian's.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// settings are what a run is made with.
type settings struct {
	nginx         string
	conns, rounds int
	seconds       time.Duration
	size, upload  int
	profile       string
}

func main() {
	var s settings
	var seconds float64
	role := flag.String("role", "", "what this process is: target or balancer; for the program's own use")
	target := flag.String("target", "", "address of the target, for -role balancer")
	flag.StringVar(&s.nginx, "nginx", "", "path of nginx; without one only pileus is measured")
	flag.IntVar(&s.conns, "conns", 64, "connections of clients")
	flag.IntVar(&s.rounds, "rounds", 3, "rounds; the median of each figure is told")
	flag.Float64Var(&seconds, "seconds", 3, "length of a round")
	flag.IntVar(&s.size, "size", 512, "bytes of an answer's body")
	flag.IntVar(&s.upload, "upload", 0, "bytes of a request's body; 0 for GET")
	flag.StringVar(&s.profile, "profile", "", "file for a CPU profile of the balancer")
	flag.Parse()
	s.seconds = time.Duration(seconds * float64(time.Second))
	var err error
	switch *role {
	case "target":
		err = serveTarget(s.size)
	case "balancer":
		err = serveBalancer(*target, s.profile)
	default:
		err = compare(s)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// process is a program of the comparison.
type process struct {
	name, addr string
	cmd        *exec.Cmd
}

// self starts this program in another role; it prints its address.
func self(name string, args ...string) (*process, error) {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &process{name, strings.TrimSpace(line), cmd}, nil
}

// cpu is the processor time that a process and its children have used.
func (p *process) cpu() time.Duration {
	pids := []string{fmt.Sprint(p.cmd.Process.Pid)}
	kids, _ := os.ReadFile(fmt.Sprintf("/proc/%s/task/%s/children", pids[0], pids[0]))
	var total time.Duration
	for _, pid := range append(pids, strings.Fields(string(kids))...) {
		stat, _ := os.ReadFile("/proc/" + pid + "/stat")
		if i := strings.LastIndexByte(string(stat), ')'); i > 0 {
			f := strings.Fields(string(stat[i+1:]))
			var user, system int64
			fmt.Sscan(f[11], &user)
			fmt.Sscan(f[12], &system)
			total += time.Duration(user+system) * 10 * time.Millisecond
		}
	}
	return total
}

func (p *process) end() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	p.cmd.Wait()
}

// nginxConfig is how nginx is asked to do the same: one worker a processor,
// kept connections both ways, no log.
const nginxConfig = `daemon off; worker_processes auto; pid %[1]s/pid; error_log %[1]s/error.log crit;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 100000000;
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  upstream target { server %[2]s; keepalive 512; keepalive_requests 100000000; }
  server { listen %[3]s reuseport; location / {
    proxy_pass http://target; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_request_buffering off;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Port $server_port;
  } }
}
`

func startNginx(path, target string) (*process, func(), error) {
	dir, err := os.MkdirTemp("", "lb-nginx-")
	if err != nil {
		return nil, nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	addr := l.Addr().String()
	l.Close()
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, nginxConfig, dir, target, addr), 0o600); err != nil {
		return nil, nil, err
	}
	cmd := exec.Command(path, "-p", dir, "-c", file)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	p := &process{"nginx", addr, cmd}
	for range 100 {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	return p, func() { os.RemoveAll(dir) }, nil
}

// compare measures in turn and prints medians and ratios.
func compare(s settings) error {
	target, err := self("target", "-role", "target", "-size", fmt.Sprint(s.size))
	if err != nil {
		return err
	}
	defer target.end()
	args := []string{"-role", "balancer", "-target", target.addr}
	if s.profile != "" {
		args = append(args, "-profile", s.profile)
	}
	ours, err := self("pileus", args...)
	if err != nil {
		return err
	}
	defer ours.end()
	all := []*process{ours}
	if s.nginx != "" {
		n, cleanup, err := startNginx(s.nginx, target.addr)
		if err != nil {
			return err
		}
		defer cleanup()
		defer n.end()
		all = append(all, n)
	}
	results := map[string][]result{}
	for round := range s.rounds {
		for i := range all {
			p := all[(i+round)%len(all)]
			before := p.cpu()
			r, err := run(p.addr, s)
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			r.cpu = (p.cpu() - before) / time.Duration(max(1, r.requests))
			fmt.Printf("%-7s %8.0f requests/s  p50 %7.3f ms  p99 %7.3f ms  %v of processor a request\n", p.name, r.rate, r.p50, r.p99, r.cpu)
			results[p.name] = append(results[p.name], r)
		}
	}
	a, b := median(results["pileus"]), median(results["nginx"])
	if s.nginx != "" {
		fmt.Printf("%d connections, answers of %d bytes, medians of %d rounds: %.0f and %.0f requests/s, ratio %.2f; p99 %.3f and %.3f ms, ratio %.2f\n",
			s.conns, s.size, s.rounds, a.rate, b.rate, a.rate/b.rate, a.p99, b.p99, a.p99/b.p99)
	}
	return nil
}

func median(all []result) (m result) {
	if len(all) == 0 {
		return m
	}
	of := func(f func(result) float64) float64 {
		xs := make([]float64, len(all))
		for i, r := range all {
			xs[i] = f(r)
		}
		slices.Sort(xs)
		return xs[len(xs)/2]
	}
	return result{rate: of(func(r result) float64 { return r.rate }), p99: of(func(r result) float64 { return r.p99 })}
}
