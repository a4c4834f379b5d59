package connect

import (
	"net/netip"
	"time"

	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/names"
	"pileus/plane"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Endpoint is an EC2 Instance Connect Endpoint.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/connect-with-ec2-instance-connect-endpoint.html
type Endpoint struct {
	Account, Region, ID string
	VPC, Subnet, Zone   string
	Interface           string
	Groups              []string
	Preserve            bool // instances see the client's address
	State               string
	DNS                 string
	Made                time.Time
}

const (
	kind       = "instance-connect-endpoint"
	controller = "ec2.connect"
	// interfaceType is the type of the endpoints' interfaces.
	interfaceType = "ec2_instance_connect_endpoint"
	// service is the principal that manages them.
	service = "ec2-instance-connect.amazonaws.com"

	creating = ec2.Ec2InstanceConnectEndpointStateCreateInProgress
	created  = ec2.Ec2InstanceConnectEndpointStateCreateComplete
	deleting = ec2.Ec2InstanceConnectEndpointStateDeleteInProgress

	// most of an account in a region, and in a VPC.
	most, mostInVPC = 5, 1

	ttl = 60 // seconds, of the name
)

var endpoints = &store.Table[Endpoint]{
	Name: "ec2.connect",
	Key:  func(e *Endpoint) store.Key { return e.key() },
	Memo: 100,
}

func (e *Endpoint) key() store.Key { return store.K(e.Account, e.Region, e.ID) }

func (e *Endpoint) arn(c *cloud.Call) string {
	return c.In(e.Account, e.Region).ARN("ec2", kind+"/"+e.ID)
}

func missing(id string) *cloud.Error {
	if !resource.WellFormed("eice", id) {
		return resource.Errorf("InvalidInstanceConnectEndpointId.Malformed", "Invalid id: \"%s\" (expecting \"eice-...\")", id)
	}
	return resource.Errorf("InvalidInstanceConnectEndpointId.NotFound", "The instance connect endpoint ID '%s' does not exist", id)
}

func find(c *cloud.Call, r store.Reader, id string) (*Endpoint, error) {
	if e, ok := endpoints.Get(r, c.Account, c.Region, id); ok {
		return e, nil
	}
	return nil, missing(id)
}

// publish has the endpoint's name lead to the cloud's edge, which takes the
// tunnels in.
func (e *Endpoint) publish(c *cloud.Call, tx store.Tx) {
	names.Put(tx, names.Record{Name: e.DNS, Owner: e.arn(c), Addresses: []netip.Addr{plane.EdgeAPI}, TTL: ttl})
}

func (e *Endpoint) api(c *cloud.Call, r store.Reader) *ec2.Ec2InstanceConnectEndpoint {
	return &ec2.Ec2InstanceConnectEndpoint{
		OwnerId: &e.Account, InstanceConnectEndpointId: &e.ID, InstanceConnectEndpointArn: new(e.arn(c)), State: &e.State, StateMessage: new(""),
		DnsName: &e.DNS, NetworkInterfaceIds: []string{e.Interface}, VpcId: &e.VPC, AvailabilityZone: &e.Zone, AvailabilityZoneId: resource.ZoneID(e.Zone), CreatedAt: &e.Made, SubnetId: &e.Subnet,
		PreserveClientIp: &e.Preserve, SecurityGroupIds: e.Groups, Tags: resource.APITags(resource.Tags(c, r, e.ID)), IpAddressType: new("ipv4"),
		PublicDnsNames: &ec2.InstanceConnectEndpointPublicDnsNames{Ipv4: &ec2.InstanceConnectEndpointDnsNames{DnsName: &e.DNS}},
	}
}
