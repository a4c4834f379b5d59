package instanceconnect_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/coder/websocket"

	"pileus/api/ec2"
	"pileus/clock"
	"pileus/node/nodetest"
)

// nothing is the digest of an empty body.
const nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// endpoint makes an Instance Connect Endpoint.
func (w *world) endpoint(preserve bool) *ec2.Ec2InstanceConnectEndpoint {
	w.T.Helper()
	id := nodetest.Do(w.World, &ec2.CreateInstanceConnectEndpoint, &ec2.CreateInstanceConnectEndpointInput{SubnetId: w.subnet, PreserveClientIp: &preserve}).InstanceConnectEndpoint.InstanceConnectEndpointId
	w.Drain()
	return &nodetest.Do(w.World, &ec2.DescribeInstanceConnectEndpoints, &ec2.DescribeInstanceConnectEndpointsInput{InstanceConnectEndpointIds: []string{*id}}).InstanceConnectEndpoints[0]
}

// sign is the URL that a client opens, as somebody, and the host in it.
func (w *world) sign(k nodetest.Keys, e *ec2.Ec2InstanceConnectEndpoint, to, port string) (at, host string) {
	w.T.Helper()
	q := url.Values{"instanceConnectEndpointId": {*e.InstanceConnectEndpointId}, "remotePort": {port}, "privateIpAddress": {to}, "maxTunnelDuration": {"60"}, "X-Amz-Expires": {"60"}}
	r, err := http.NewRequest("GET", "https://"+*e.DnsName+"/openTunnel?"+q.Encode(), nil)
	if err != nil {
		w.T.Fatal(err)
	}
	who := aws.Credentials{AccessKeyID: k.AccessKey, SecretAccessKey: k.Secret, SessionToken: k.Token}
	signed, _, err := v4.NewSigner().PresignHTTP(w.T.Context(), who, r, nothing, "ec2-instance-connect", nodetest.Region, clock.Machine())
	if err != nil {
		w.T.Fatal(err)
	}
	u, err := url.Parse(signed)
	if err != nil {
		w.T.Fatal(err)
	}
	return strings.Replace(w.Endpoint, "http://", "ws://", 1) + u.RequestURI(), u.Host
}

// refused is what somebody is told who gets no tunnel.
func (w *world) refused(k nodetest.Keys, e *ec2.Ec2InstanceConnectEndpoint, to, port string) string {
	w.T.Helper()
	at, host := w.sign(k, e, to, port)
	c, answer, err := websocket.Dial(w.T.Context(), at, &websocket.DialOptions{Host: host})
	if err == nil {
		c.CloseNow()
		return "nothing: there is a tunnel"
	}
	if answer == nil {
		w.T.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		w.T.Fatal(err)
	}
	return fmt.Sprintf("%d %s", answer.StatusCode, body)
}

var root = nodetest.Keys{AccessKey: "test", Secret: "test"}

// TestTunnel carries what both ends say, from the endpoint's interface.
func TestTunnel(t *testing.T) {
	w := newWorld(t)
	e := w.endpoint(false)
	w.wire.server = greeter(t, "instance")
	at, host := w.sign(root, e, "172.31.0.9", "22")
	c, _, err := websocket.Dial(t.Context(), at, &websocket.DialOptions{Host: host})
	if err != nil {
		t.Fatal(err)
	}
	n := websocket.NetConn(t.Context(), c, websocket.MessageBinary)
	n.SetDeadline(clock.Machine().Add(2 * time.Minute))
	fmt.Fprint(n, "hello\n")
	heard := bufio.NewReader(n)
	for _, want := range []string{"instance\n", "hello\n"} {
		if got, err := heard.ReadString('\n'); got != want {
			t.Errorf("heard %q, %v, want %q", got, err, want)
		}
	}
	if _, err := heard.ReadByte(); err != io.EOF {
		t.Errorf("after the instance has closed: %v", err)
	}
	nic := nodetest.Do(w.World, &ec2.DescribeNetworkInterfaces, &ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: e.NetworkInterfaceIds}).NetworkInterfaces[0]
	if want := *nic.PrivateIpAddress + " to 172.31.0.9:22"; !slices.Equal(w.wire.called(), []string{want}) {
		t.Errorf("called %v, want %s", w.wire.called(), want)
	}
}

// TestTunnelPreserves calls in the client's name where the endpoint is set to.
func TestTunnelPreserves(t *testing.T) {
	w := newWorld(t)
	at, host := w.sign(root, w.endpoint(true), "172.31.0.9", "3389")
	c, _, err := websocket.Dial(t.Context(), at, &websocket.DialOptions{Host: host})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = c.Read(t.Context())
	if websocket.CloseStatus(err) != websocket.StatusInternalError || !strings.Contains(err.Error(), "Unable to connect to target") {
		t.Errorf("where nobody is: %v", err)
	}
	if got := w.wire.called(); len(got) == 0 || got[0] != "127.0.0.1 to 172.31.0.9:3389" {
		t.Errorf("called %v", got)
	}
}

// TestTunnelRefused says why there is no tunnel.
func TestTunnelRefused(t *testing.T) {
	w := newWorld(t)
	e := w.endpoint(false)
	may := w.User("may", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2-instance-connect:OpenTunnel","Resource":"`+*e.InstanceConnectEndpointArn+`","Condition":{"NumericEquals":{"ec2-instance-connect:remotePort":"22"}}}]}`)
	not := w.User("not", nodetest.Allow("ec2:*"))
	gone := *e
	gone.InstanceConnectEndpointId = new("eice-00000000000000000")
	for name, test := range map[string]struct {
		keys     nodetest.Keys
		endpoint *ec2.Ec2InstanceConnectEndpoint
		to, port string
		want     string
	}{
		"who may":             {may, e, "172.31.0.9", "22", "there is a tunnel"},
		"another port":        {may, e, "172.31.0.9", "3389", "AccessDenied"},
		"who may not":         {not, e, "172.31.0.9", "22", "AccessDenied"},
		"a port of no use":    {root, e, "172.31.0.9", "80", "Specify either 22 or 3389"},
		"no address":          {root, e, "here", "22", "PrivateIpAddress is not valid"},
		"an endpoint of none": {root, &gone, "172.31.0.9", "22", "InvalidInstanceConnectEndpointId.NotFound"},
		"a wrong signature":   {nodetest.Keys{AccessKey: "test", Secret: "wrong"}, e, "172.31.0.9", "22", "signature we calculated does not match"},
	} {
		if got := w.refused(test.keys, test.endpoint, test.to, test.port); !strings.Contains(got, test.want) {
			t.Errorf("%s: %s", name, got)
		}
	}
}
