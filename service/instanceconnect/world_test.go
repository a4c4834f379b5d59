package instanceconnect_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"pileus/all"
	"pileus/ami"
	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/service/instanceconnect"
)

// world is a cloud with an instance that runs, and a network in which whoever
// is called is a server of the test's.
type world struct {
	*nodetest.World
	instance, subnet string
	wire             *wire
}

// wire calls one server in place of all targets.
type wire struct {
	plane.Network
	server string // "" for none

	mu    sync.Mutex
	calls []string
}

func (w *wire) note(from netip.Addr, to netip.AddrPort) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, fmt.Sprintf("%s to %s", from, to))
}

// called is who was called, and by whom.
func (w *wire) called() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.calls)
}

func (w *wire) Dial(ctx context.Context, vpc string, from netip.Addr, network string, to netip.AddrPort) (net.Conn, error) {
	w.note(from, to)
	if w.server == "" {
		return nil, errors.New("nobody is there")
	}
	return new(net.Dialer).DialContext(ctx, network, w.server)
}

func (w *wire) DialAs(_ context.Context, _ string, _ netip.Addr, as netip.AddrPort, _ string, to netip.AddrPort) (net.Conn, error) {
	w.note(as.Addr(), to)
	return nil, plane.ErrUnsupported
}

func (w *wire) Delivery(net.Conn) plane.Delivery { return plane.Delivered }

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{wire: &wire{}}
	w.World = nodetest.With(t, func(p node.Parts) []cloud.Module {
		list := slices.DeleteFunc(all.Modules(p), func(m cloud.Module) bool {
			return !slices.Contains([]string{"ec2", "iam", "sts", "ssm"}, m.API.Name)
		})
		return append(list, instanceconnect.Module(instanceconnect.Parts{Plane: w.wire}))
	})
	w.subnet = *nodetest.Do(w.World, &ec2.DescribeSubnets, &ec2.DescribeSubnetsInput{}).Subnets[0].SubnetId
	made := nodetest.Do(w.World, &ec2.RunInstances, &ec2.RunInstancesInput{ImageId: new(image()), InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1, SubnetId: &w.subnet})
	w.instance = *made.Instances[0].InstanceId
	w.Drain()
	return w
}

func image() string { return ami.All()[0].ID(nodetest.Region) }

// key is a new public key, as a line.
func key(t testing.TB, comment string) string {
	t.Helper()
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k))) + " " + comment
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	var e *cloud.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("answered %v, want %s", err, code)
	}
}

// greeter says a name to whoever calls, and what it hears after that.
func greeter(t testing.TB, name string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprintln(c, name)
			heard, _ := bufio.NewReader(c).ReadString('\n')
			fmt.Fprint(c, heard)
			c.Close()
		}
	}()
	return l.Addr().String()
}
