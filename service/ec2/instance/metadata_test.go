package instance_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"

	api "pileus/api/ec2"
	apiiam "pileus/api/iam"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/plane/sim"
)

// wired is a simulated plane whose metadata service can be reached, by the
// test, as if from an address inside of the VPC.
type wired struct {
	*sim.Plane
	mu     sync.Mutex
	open   map[string]string // VPC to the address on the loopback interface
	caller netip.Addr
}

func (p *wired) Listen(ctx context.Context, vpc string, addr netip.AddrPort) (net.Listener, error) {
	if addr.Addr() != plane.Metadata && addr.Addr() != plane.Metadata6 {
		return p.Plane.Listen(ctx, vpc, addr)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	name := vpc
	if addr.Addr().Is6() {
		name += " over IPv6"
	}
	p.open[name] = l.Addr().String()
	return &inside{l, p, addr}, nil
}

// inside gives connections the address of an instance.
type inside struct {
	net.Listener
	p  *wired
	at netip.AddrPort
}

type insideConn struct {
	net.Conn
	from netip.Addr
	at   netip.AddrPort
}

func (c insideConn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.at) }

func (c insideConn) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.from, 40000))
}

func (l *inside) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	return insideConn{conn, l.p.caller, l.at}, nil
}

// guest is an instance's view of the metadata service.
type guest struct {
	w    *world
	p    *wired
	id   string
	http *http.Client
}

func newGuest(t *testing.T, edits ...func(*api.RunInstancesInput)) *guest {
	s := sim.New(t.TempDir())
	p := &wired{Plane: s, open: map[string]string{}}
	g := &guest{w: newWorldOver(t, s, p), p: p, http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	return g.launch(edits...)
}

// launch makes the guest another instance of the same cloud.
func (g *guest) launch(edits ...func(*api.RunInstancesInput)) *guest {
	g.id = *g.w.run(1, edits...)[0].InstanceId
	return g
}

// ask sends a request from the instance; headers are name and value in turn.
func (g *guest) ask(method, path string, headers ...string) (status int, body string, h http.Header) {
	g.w.T.Helper()
	i := g.w.get(g.id)
	g.p.mu.Lock()
	g.p.caller = netip.MustParseAddr(*i.PrivateIpAddress)
	addr := g.p.open[*i.VpcId]
	g.p.mu.Unlock()
	req, err := http.NewRequestWithContext(g.w.T.Context(), method, "http://"+addr+path, nil)
	if err != nil {
		g.w.T.Fatal(err)
	}
	for n := 0; n < len(headers); n += 2 {
		req.Header.Set(headers[n], headers[n+1])
	}
	res, err := g.http.Do(req)
	if err != nil {
		g.w.T.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		g.w.T.Fatal(err)
	}
	return res.StatusCode, string(b), res.Header
}

// read is a value of the tree; it must be there.
func (g *guest) read(path string) string {
	g.w.T.Helper()
	status, body, _ := g.ask("GET", "/latest/"+path)
	if status != http.StatusOK {
		g.w.T.Errorf("GET %s: %d", path, status)
	}
	return body
}

func TestMetadataTree(t *testing.T) {
	g := newGuest(t, func(in *api.RunInstancesInput) {
		in.UserData = new(base64.StdEncoding.EncodeToString([]byte("#!/bin/sh\necho hello")))
		in.MetadataOptions = &api.InstanceMetadataOptionsRequest{InstanceMetadataTags: new("enabled")}
		in.NetworkInterfaces = []api.InstanceNetworkInterfaceSpecification{{DeviceIndex: new(int32(0)), Ipv4PrefixCount: new(int32(1))}}
		in.TagSpecifications = []api.TagSpecification{{ResourceType: new("instance"), Tags: []api.Tag{{Key: new("Name"), Value: new("web")}}}}
	})
	i := g.w.get(g.id)
	mac := *i.NetworkInterfaces[0].MacAddress
	nic := "meta-data/network/interfaces/macs/" + mac + "/"
	for path, want := range map[string]string{
		"meta-data/instance-id":                         g.id,
		"meta-data/ami-id":                              image(),
		"meta-data/ami-launch-index":                    "0",
		"meta-data/instance-type":                       "t3.micro",
		"meta-data/local-ipv4":                          *i.PrivateIpAddress,
		"meta-data/public-ipv4":                         *i.PublicIpAddress,
		"meta-data/local-hostname":                      *i.PrivateDnsName,
		"meta-data/public-hostname":                     *i.PublicDnsName,
		"meta-data/mac":                                 mac,
		"meta-data/placement/availability-zone":         *i.Placement.AvailabilityZone,
		"meta-data/placement/region":                    "us-east-1",
		"meta-data/services/domain":                     "amazonaws.com",
		"meta-data/services/partition":                  "aws",
		"meta-data/instance-life-cycle":                 "on-demand",
		"meta-data/instance-action":                     "none",
		"meta-data/security-groups":                     "default",
		"meta-data/block-device-mapping/root":           "/dev/xvda",
		"meta-data/block-device-mapping/ami":            "xvda",
		"meta-data/tags/instance/Name":                  "web",
		"meta-data/tags/instance":                       "Name",
		"meta-data/events/maintenance/scheduled":        "[]",
		nic + "device-number":                           "0",
		nic + "vpc-id":                                  *i.VpcId,
		nic + "subnet-id":                               *i.SubnetId,
		nic + "local-ipv4s":                             *i.PrivateIpAddress,
		nic + "ipv4-associations/" + *i.PublicIpAddress: *i.PrivateIpAddress,
		nic + "vpc-ipv4-cidr-block":                     "172.31.0.0/16",
		nic + "ipv4-prefix":                             *i.NetworkInterfaces[0].Ipv4Prefixes[0].Ipv4Prefix,
		"meta-data/network/interfaces/macs/":            mac + "/",
		"meta-data/placement/":                          "availability-zone\navailability-zone-id\nregion",
		"user-data":                                     "#!/bin/sh\necho hello",
		"":                                              "dynamic\nmeta-data\nuser-data",
		"dynamic/fws/instance-monitoring":               "disabled",
	} {
		if got := g.read(path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	for _, path := range []string{"/latest/meta-data/no-such", "/latest/meta-data/iam/info", "/3.0/meta-data", "/latest/meta-data/instance-id/x", "/latest/meta-data/public-keys/"} {
		if status, _, _ := g.ask("GET", path); status != http.StatusNotFound {
			t.Errorf("GET %s: %d", path, status)
		}
	}
}

func TestMetadataSessions(t *testing.T) {
	g := newGuest(t, func(in *api.RunInstancesInput) {
		in.MetadataOptions = &api.InstanceMetadataOptionsRequest{HttpTokens: new("required")}
	})
	const path, ttl, head = "/latest/meta-data/instance-id", "X-aws-ec2-metadata-token-ttl-seconds", "X-aws-ec2-metadata-token"
	status := func(want int, method, path string, headers ...string) string {
		t.Helper()
		got, body, _ := g.ask(method, path, headers...)
		if got != want {
			t.Errorf("%s %s %v: %d, want %d", method, path, headers, got, want)
		}
		return body
	}
	status(401, "GET", path)
	status(401, "GET", path, head, "made-up")
	status(400, "PUT", "/latest/api/token")
	status(400, "PUT", "/latest/api/token", ttl, "0")
	status(400, "PUT", "/latest/api/token", ttl, "21601")
	status(403, "PUT", "/latest/api/token", ttl, "60", "X-Forwarded-For", "10.0.0.9")
	status(405, "PUT", "/latest/meta-data/", ttl, "60")
	status(405, "POST", path)
	token := status(200, "PUT", "/latest/api/token", ttl, "60")
	if got := status(200, "GET", path, head, token); got != g.id {
		t.Errorf("instance-id is %q", got)
	}
	status(401, "GET", path, head, token[:len(token)-8]+"AAAAAAA=")

	first := g.id
	g.launch(func(in *api.RunInstancesInput) {
		in.MetadataOptions = &api.InstanceMetadataOptionsRequest{HttpTokens: new("required")}
	})
	status(401, "GET", path, head, token) // another instance's
	g.id = first
	nodetest.Do(g.w.World, &api.ModifyInstanceMetadataOptions, &api.ModifyInstanceMetadataOptionsInput{InstanceId: g.id, HttpEndpoint: new("disabled")})
	status(403, "GET", path, head, token)
}

func TestMetadataKeysAndCredentials(t *testing.T) {
	g := newGuest(t)
	w := g.w.World
	nodetest.Do(w, &apiiam.CreateRole, &apiiam.CreateRoleInput{RoleName: "app", AssumeRolePolicyDocument: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`})
	nodetest.Do(w, &apiiam.PutRolePolicy, &apiiam.PutRolePolicyInput{RoleName: "app", PolicyName: "p", PolicyDocument: nodetest.Allow("ec2:DescribeInstances")})
	nodetest.Do(w, &apiiam.CreateInstanceProfile, &apiiam.CreateInstanceProfileInput{InstanceProfileName: "app"})
	nodetest.Do(w, &apiiam.AddRoleToInstanceProfile, &apiiam.AddRoleToInstanceProfileInput{InstanceProfileName: "app", RoleName: "app"})
	key := nodetest.Do(w, &api.CreateKeyPair, &api.CreateKeyPairInput{KeyName: "k", KeyType: new("ed25519")})
	g.launch(func(in *api.RunInstancesInput) {
		in.KeyName, in.IamInstanceProfile = key.KeyName, &api.IamInstanceProfileSpecification{Name: new("app")}
	})
	if got := g.read("meta-data/public-keys/"); got != "0=k" {
		t.Errorf("public-keys: %q", got)
	}
	if got := g.read("meta-data/public-keys/0/openssh-key"); !strings.HasPrefix(got, "ssh-ed25519 ") || !strings.HasSuffix(got, " k") {
		t.Errorf("openssh-key: %q", got)
	}
	if got := g.read("meta-data/iam/security-credentials/"); got != "app" {
		t.Errorf("security-credentials: %q", got)
	}
	var creds struct{ Code, AccessKeyId, SecretAccessKey, Token, Expiration, Message string }
	read := func() {
		t.Helper()
		if err := json.Unmarshal([]byte(g.read("meta-data/iam/security-credentials/app")), &creds); err != nil {
			t.Fatal(err)
		}
	}
	read()
	if creds.Code != "Success" {
		t.Fatalf("credentials: %+v", creds)
	}
	again := creds.AccessKeyId
	if read(); creds.AccessKeyId != again {
		t.Error("credentials change with each request")
	}
	client := w.ConfigAs(nodetest.Keys{AccessKey: creds.AccessKeyId, Secret: creds.SecretAccessKey, Token: creds.Token})
	tryDescribe(t, client, "")
	tryTerminate(t, client, g.id, "UnauthorizedOperation")

	nodetest.Do(w, &apiiam.UpdateAssumeRolePolicy, &apiiam.UpdateAssumeRolePolicyInput{RoleName: "app", PolicyDocument: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`})
	g.launch(func(in *api.RunInstancesInput) {
		in.IamInstanceProfile = &api.IamInstanceProfileSpecification{Name: new("app")}
	})
	if read(); creds.Code != "AssumeRoleUnauthorizedAccess" {
		t.Errorf("a role that does not trust EC2: %+v", creds)
	}
}

func TestIdentityDocument(t *testing.T) {
	g := newGuest(t)
	doc := g.read("dynamic/instance-identity/document")
	var fields map[string]any
	if err := json.Unmarshal([]byte(doc), &fields); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"instanceId": g.id, "accountId": nodetest.Account, "region": "us-east-1", "imageId": image(), "version": "2017-09-30", "pendingTime": "2026-01-01T00:00:00Z", "kernelId": nil} {
		if fields[name] != want {
			t.Errorf("%s is %v, want %v", name, fields[name], want)
		}
	}
	der, err := g.w.room.IdentityCertificate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := base64.StdEncoding.DecodeString(g.read("dynamic/instance-identity/signature"))
	if err != nil {
		t.Fatal(err)
	}
	if err := cert.CheckSignature(x509.SHA256WithRSA, []byte(doc), sig); err != nil {
		t.Errorf("signature: %v", err)
	}
	for _, name := range []string{"pkcs7", "rsa2048"} {
		b, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(g.read("dynamic/instance-identity/"+name), "\n", ""))
		if err != nil {
			t.Fatal(err)
		}
		p, err := pkcs7.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.VerifyWithChainAtTime(pool(cert), cert.NotBefore.Add(48*time.Hour)); err != nil || string(p.Content) != doc {
			t.Errorf("%s: %v, %q", name, err, p.Content)
		}
	}
}

func pool(c *x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(c)
	return p
}

// TestMetadataEndsWithItsLastInstance has the listener closed, so that the
// VPC's network can be removed, and opened again.
func TestMetadataEndsWithItsLastInstance(t *testing.T) {
	g := newGuest(t)
	vpc := *g.w.get(g.id).VpcId
	addr := g.p.open[vpc]
	nodetest.Do(g.w.World, &api.TerminateInstances, &api.TerminateInstancesInput{InstanceIds: []string{g.id}})
	g.w.Drain()
	if conn, err := net.Dial("tcp", addr); err == nil {
		conn.Close()
		t.Error("the metadata service still listens")
	}
	g.launch()
	if got := g.read("meta-data/instance-id"); got != g.id {
		t.Errorf("instance-id is %q", got)
	}
}

// TestMetadataOverIPv6 answers at the IPv6 address those whose options say so,
// and cuts the others off.
func TestMetadataOverIPv6(t *testing.T) {
	g := newGuest(t)
	ask := func() (string, error) {
		i := g.w.get(g.id)
		g.p.mu.Lock()
		g.p.caller = netip.MustParseAddr(*i.PrivateIpAddress)
		at := g.p.open[*i.VpcId+" over IPv6"]
		g.p.mu.Unlock()
		res, err := g.http.Get("http://" + at + "/latest/meta-data/instance-id")
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		return string(b), err
	}
	if got, err := ask(); err == nil {
		t.Errorf("answered %q before it was asked to", got)
	}
	nodetest.Do(g.w.World, &api.ModifyInstanceMetadataOptions, &api.ModifyInstanceMetadataOptionsInput{InstanceId: g.id, HttpProtocolIpv6: new("enabled")})
	g.w.Drain()
	if got, err := ask(); got != g.id {
		t.Errorf("instance-id is %q, %v", got, err)
	}
	if got := g.read("meta-data/instance-id"); got != g.id {
		t.Errorf("at the IPv4 address it is %q", got)
	}
}
