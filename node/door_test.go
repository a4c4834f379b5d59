package node_test

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"pileus/all"
	api "pileus/api/ec2"
	apis3 "pileus/api/s3"
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/plane/sim"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

// loopback is the simulated plane with listeners that can be reached: each
// address of a VPC or of the internet is a port of the loopback interface.
type loopback struct {
	*sim.Plane
	mu    sync.Mutex
	ports map[string]string // "vpc address:port" to the real address
}

func (p *loopback) Listen(_ context.Context, vpc string, addr netip.AddrPort) (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		p.mu.Lock()
		p.ports[vpc+" "+addr.String()] = l.Addr().String()
		p.mu.Unlock()
	}
	return l, err
}

// Origin implements plane.Origins: whoever asks S3 is in the VPC named here.
func (p *loopback) Origin(netip.AddrPort) (string, netip.Addr, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.ports["origin"]
	return v, netip.MustParseAddr("10.0.0.9"), v != ""
}

func (p *loopback) at(where string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ports[where]
}

// TestEndpoints asks S3 through VPC endpoints: their policies bind, and bucket
// policies see where a request came from.
func TestEndpoints(t *testing.T) {
	p := &loopback{Plane: sim.New(""), ports: map[string]string{}}
	w := nodetest.Start(t, node.Options{Plane: p, Rehearse: true, Seed: 1, Modules: func(parts node.Parts) []cloud.Module {
		return slices.DeleteFunc(all.Modules(parts), func(m cloud.Module) bool { return m.API.Name != "ec2" && m.API.Name != "s3" })
	}})
	id := *nodetest.Do(w, &api.CreateVpc, &api.CreateVpcInput{CidrBlock: new("10.0.0.0/16")}).Vpc.VpcId
	subnet := *nodetest.Do(w, &api.CreateSubnet, &api.CreateSubnetInput{VpcId: id, CidrBlock: new("10.0.0.0/24")}).Subnet.SubnetId
	gateway := nodetest.Do(w, &api.CreateVpcEndpoint, &api.CreateVpcEndpointInput{VpcId: id, ServiceName: "com.amazonaws.us-east-1.s3"})
	interfaces := nodetest.Do(w, &api.CreateVpcEndpoint, &api.CreateVpcEndpointInput{
		VpcId: id, ServiceName: "com.amazonaws.us-east-1.s3", VpcEndpointType: new("Interface"), PrivateDnsEnabled: new(false),
		SubnetConfigurations: []api.SubnetConfiguration{{SubnetId: &subnet, Ipv4: new("10.0.0.20")}}, SubnetIds: []string{subnet},
	})
	w.Drain()
	nodetest.Do(w, &apis3.CreateBucket, &apis3.CreateBucketInput{Bucket: "photos"})

	paths := map[string]struct{ endpoint, at string }{
		"gateway":   {*gateway.VpcEndpoint.VpcEndpointId, p.at(" " + plane.EdgeS3.String() + ":80")},
		"interface": {*interfaces.VpcEndpoint.VpcEndpointId, p.at(id + " 10.0.0.20:80")},
	}
	p.mu.Lock()
	p.ports["origin"] = id
	p.mu.Unlock()
	for name, path := range paths {
		t.Run(name, func(t *testing.T) {
			client := awss3.NewFromConfig(w.Config(), func(o *awss3.Options) {
				o.BaseEndpoint, o.UsePathStyle = new("http://"+path.at), true
				o.HTTPClient = &http.Client{}
			})
			list := func() error {
				_, err := client.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: new("photos")})
				return err
			}
			if err := list(); err != nil {
				t.Fatalf("with the default policy: %v", err)
			}
			nodetest.Do(w, &api.ModifyVpcEndpoint, &api.ModifyVpcEndpointInput{VpcEndpointId: path.endpoint,
				PolicyDocument: new(`{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}]}`)})
			if err := list(); err == nil || !strings.Contains(err.Error(), "VPC endpoint policy") {
				t.Errorf("the endpoint's policy allows GetObject alone, and listing says %v", err)
			}
			nodetest.Do(w, &api.ModifyVpcEndpoint, &api.ModifyVpcEndpointInput{VpcEndpointId: path.endpoint, ResetPolicy: new(true)})
			for key, want := range map[string]bool{
				`"StringNotEquals":{"aws:SourceVpce":"` + path.endpoint + `"}`: true, `"StringNotEquals":{"aws:SourceVpce":"vpce-other"}`: false,
				`"StringNotEquals":{"aws:SourceVpc":"` + id + `"}`: true, `"Null":{"aws:SourceIp":"false"}`: true, `"Null":{"aws:VpcSourceIp":"true"}`: true,
			} {
				nodetest.Do(w, &apis3.PutBucketPolicy, &apis3.PutBucketPolicyInput{Bucket: "photos", Policy: `{"Version":"2012-10-17","Statement":[{
					"Effect":"Deny","Principal":"*","Action":"s3:ListBucket","Resource":"arn:aws:s3:::photos","Condition":{` + key + `}}]}`})
				if err := list(); (err == nil) != want {
					t.Errorf("denied unless %s: %v", key, err)
				}
			}
			nodetest.Do(w, &apis3.DeleteBucketPolicy, &apis3.DeleteBucketPolicyInput{Bucket: "photos"})
		})
	}
}
