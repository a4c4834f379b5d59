package elb_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	api "pileus/api/elb"
	"pileus/api/s3"
	"pileus/clock"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/plane/sim"
)

// loopback is a simulated plane whose load balancers listen on free ports of
// 127.0.0.1, and whose instances are all one server there.
type loopback struct {
	plane.Plane
	server string

	mu    sync.Mutex
	ports map[uint16]string // by the load balancer's port: one of its nodes
}

func (l *loopback) Listen(ctx context.Context, vpc string, at netip.AddrPort) (net.Listener, error) {
	if vpc == "" {
		return l.Plane.Listen(ctx, vpc, at)
	}
	o, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err == nil {
		l.mu.Lock()
		l.ports[at.Port()] = o.Addr().String()
		l.mu.Unlock()
	}
	return o, err
}

func (l *loopback) Dial(ctx context.Context, _ string, _ netip.Addr, network string, _ netip.AddrPort) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, l.server)
}

// dial connects to the load balancer's port.
func (l *loopback) dial(t *testing.T, port uint16) net.Conn {
	t.Helper()
	l.mu.Lock()
	at := l.ports[port]
	l.mu.Unlock()
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(clock.Machine().Add(2 * time.Minute))
	return c
}

func newLoopback(t *testing.T) *loopback {
	s, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { s.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			c, err := s.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				c.SetDeadline(clock.Machine().Add(2 * time.Minute))
				io.Copy(c, c)
			})
		}
	})
	return &loopback{Plane: sim.New(t.TempDir()), server: s.Addr().String(), ports: map[uint16]string{}}
}

// TestTraffic carries a connection, and follows what becomes of it: health,
// metrics, and a file of the access log.
func TestTraffic(t *testing.T) {
	l := newLoopback(t)
	w := newWorldOn(t, l)
	w.launch()
	w.create("web", api.Listener{Protocol: "TCP", LoadBalancerPort: 25, InstancePort: 25})
	nodetest.Do(w.World, &s3.CreateBucket, &s3.CreateBucketInput{Bucket: "logs-of-web"})
	nodetest.Do(w.World, &s3.PutBucketPolicy, &s3.PutBucketPolicyInput{Bucket: "logs-of-web", Policy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
		"Principal":{"Service":"logdelivery.elasticloadbalancing.amazonaws.com"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::logs-of-web/AWSLogs/000000000000/*"}]}`})
	nodetest.Do(w.World, &api.ModifyLoadBalancerAttributes, &api.ModifyLoadBalancerAttributesInput{LoadBalancerName: "web",
		LoadBalancerAttributes: api.LoadBalancerAttributes{AccessLog: &api.AccessLog{Enabled: true, S3BucketName: new("logs-of-web"), EmitInterval: new(int32(5))}}})
	nodetest.Do(w.World, &api.ConfigureHealthCheck, &api.ConfigureHealthCheckInput{LoadBalancerName: "web",
		HealthCheck: api.HealthCheck{Target: "TCP:25", Interval: 120, Timeout: 60, UnhealthyThreshold: 2, HealthyThreshold: 2}})
	w.register("web", w.instances...)                                                                                                   // each node has one
	for h := w.health("web"); h[w.instances[0]] != h[w.instances[1]] || h[w.instances[0]] != "InService/N/A/N/A"; h = w.health("web") { // the first check comes at once
		if err := w.clock().Wait(t.Context(), 5*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	c := l.dial(t, 25)
	fmt.Fprint(c, "hello")
	c.(*net.TCPConn).CloseWrite()
	if back, err := io.ReadAll(c); string(back) != "hello" || err != nil {
		t.Fatalf("%q, %v", back, err)
	}
	requests := 0.0
	for m := range w.Gate().Measure(w.Call()) {
		if m.Namespace == "AWS/ELB" && m.Name == "RequestCount" && len(m.Dimensions) == 1 && m.Dimensions[0].Name == "LoadBalancerName" {
			requests += m.Values[0]
		}
	}
	if requests != 1 {
		t.Errorf("%v connections were counted", requests)
	}
	for range 100 { // the record comes a moment after the connection's end
		if w.Advance(5 * time.Minute); w.lookAtLog(t) {
			return
		}
	}
	t.Error("no file was written")
}

func (w *world) clock() clock.Clock { return w.Gate().Clock() }

// lookAtLog checks the name and the content of the one file of the log, if it
// is there.
func (w *world) lookAtLog(t *testing.T) bool {
	t.Helper()
	form := regexp.MustCompile(`^AWSLogs/000000000000/elasticloadbalancing/us-east-1/2026/01/01/000000000000_elasticloadbalancing_us-east-1_web_20260101T\d{4}Z_[0-9.]+_\w{8}\.log$`)
	files := nodetest.Do(w.World, &s3.ListObjectsV2, &s3.ListObjectsV2Input{Bucket: "logs-of-web", Prefix: new("AWSLogs/000000000000/elasticloadbalancing/")}).Contents
	if len(files) == 0 {
		return false
	}
	if !form.MatchString(*files[0].Key) {
		t.Errorf("a file is called %s", *files[0].Key)
	}
	body := nodetest.Do(w.World, &s3.GetObject, &s3.GetObjectInput{Bucket: "logs-of-web", Key: *files[0].Key}).Body
	text, err := io.ReadAll(body)
	if f := strings.Fields(string(text)); err != nil || len(f) != 18 || f[1] != "web" || f[9] != "5" || f[10] != "5" {
		t.Errorf("it says %q, %v", text, err)
	}
	return true
}
