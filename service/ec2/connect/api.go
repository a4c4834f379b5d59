package connect

import (
	"slices"
	"time"

	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/names"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

func createInstanceConnectEndpoint(c *cloud.Call, tx store.Tx, in *ec2.CreateInstanceConnectEndpointInput) (*ec2.CreateInstanceConnectEndpointOutput, error) {
	return resource.Once(c, tx, "CreateInstanceConnectEndpoint", in.ClientToken, in, func() (*ec2.CreateInstanceConnectEndpointOutput, error) {
		if err := resource.OnlyTags(in.TagSpecifications, kind); err != nil {
			return nil, err
		}
		tags, err := resource.SpecifiedTags(in.TagSpecifications, kind)
		if err != nil {
			return nil, err
		}
		s, err := vpc.FindSubnet(c, tx, in.SubnetId)
		if err != nil {
			return nil, err
		}
		if t := cloud.Or(in.IpAddressType, "ipv4"); t != "ipv4" || !s.CIDR.IsValid() {
			return nil, resource.Errorf("InvalidParameterValue", "The IP address type '%s' is not supported for the subnet %s.", t, s.ID)
		}
		if err := checkQuota(c, tx, s.VPC); err != nil {
			return nil, err
		}
		e := &Endpoint{
			Account: c.Account, Region: c.Region, ID: resource.NewID(c, "eice"), VPC: s.VPC, Subnet: s.ID, Zone: s.Zone, State: creating,
			Preserve: cloud.Or(in.PreserveClientIp, false), Made: c.Now,
		}
		e.DNS = e.ID + "." + c.Rand().String(8, "0123456789abcdef") + ".ec2-instance-connect-endpoint." + e.Region + ".amazonaws.com"
		i, err := vpc.CreateInterface(c, tx, vpc.NewInterface{
			Subnet: s.ID, Description: "EC2 Instance Connect Endpoint Interface " + e.ID, Type: interfaceType, Requester: vpc.ConnectRequester,
			Groups: in.SecurityGroupIds, Public: new(false),
		})
		if err != nil {
			return nil, err
		}
		e.Interface, e.Groups = i.ID, i.Groups
		endpoints.Put(tx, e)
		resource.Register(c, tx, kind, e.ID, tags)
		tx.After(time.Time{}, controller, e.key())
		return &ec2.CreateInstanceConnectEndpointOutput{InstanceConnectEndpoint: e.api(c, tx), ClientToken: in.ClientToken}, nil
	})
}

func checkQuota(c *cloud.Call, r store.Reader, vpc string) error {
	have, inVPC := 0, 0
	for e := range endpoints.Scan(r, c.Account, c.Region) {
		if e.State == deleting {
			continue
		}
		if have++; e.VPC == vpc {
			inVPC++
		}
	}
	if have >= most || inVPC >= mostInVPC {
		return resource.Errorf("ResourceLimitExceeded", "The maximum number of EC2 Instance Connect Endpoints has been reached.")
	}
	return nil
}

func modifyInstanceConnectEndpoint(c *cloud.Call, tx store.Tx, in *ec2.ModifyInstanceConnectEndpointInput) (*ec2.ModifyInstanceConnectEndpointOutput, error) {
	old, err := find(c, tx, in.InstanceConnectEndpointId)
	if err != nil {
		return nil, err
	}
	if old.State != created {
		return nil, resource.Errorf("IncorrectState", "The instance connect endpoint %s is in the state %s.", old.ID, old.State)
	}
	if t := cloud.Or(in.IpAddressType, "ipv4"); t != "ipv4" {
		return nil, resource.Errorf("InvalidParameterValue", "The IP address type '%s' is not supported for the subnet %s.", t, old.Subnet)
	}
	e := *old
	e.Preserve = cloud.Or(in.PreserveClientIp, e.Preserve)
	if len(in.SecurityGroupIds) > 0 {
		e.Groups = slices.Clone(in.SecurityGroupIds)
		change := &ec2.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: e.Interface, Groups: e.Groups}
		if _, err := ec2.ModifyNetworkInterfaceAttribute.Call(identity.AsLinked(c, service), change); err != nil {
			return nil, err
		}
	}
	endpoints.Put(tx, &e)
	return &ec2.ModifyInstanceConnectEndpointOutput{Return: new(true)}, nil
}

func deleteInstanceConnectEndpoint(c *cloud.Call, tx store.Tx, in *ec2.DeleteInstanceConnectEndpointInput) (*ec2.DeleteInstanceConnectEndpointOutput, error) {
	old, err := find(c, tx, in.InstanceConnectEndpointId)
	if err != nil {
		return nil, err
	}
	e := *old
	if e.State != deleting {
		e.State = deleting
		endpoints.Put(tx, &e)
		names.Delete(tx, e.DNS)
		vpc.RemoveInterface(c, tx, e.Interface)
		tx.After(time.Time{}, controller, e.key())
	}
	return &ec2.DeleteInstanceConnectEndpointOutput{InstanceConnectEndpoint: e.api(c, tx)}, nil
}

// settle has an endpoint there once its interface is, and forgets one that was
// deleted.
func (s *room) settle(c *cloud.Call, key store.Key) error {
	c = c.In(key[0].(string), key[1].(string))
	network := ""
	err := c.View(func(r store.Reader) error {
		network = ""
		if e, ok := endpoints.Get(r, key...); ok {
			network = e.VPC
		}
		return nil
	})
	if err != nil || network == "" {
		return err
	}
	if err := s.networks.Converge(c, network); err != nil {
		return err
	}
	return c.Update(func(tx store.Tx) error {
		e, ok := endpoints.Get(tx, key...)
		switch {
		case !ok:
		case e.State == deleting:
			endpoints.Delete(tx, key...)
			resource.Unregister(c, tx, e.ID)
		case e.State == creating:
			up := *e
			up.State = created
			up.publish(c, tx)
			endpoints.Put(tx, &up)
		}
		return nil
	})
}

func describeInstanceConnectEndpoints(c *cloud.Call, r store.Reader, in *ec2.DescribeInstanceConnectEndpointsInput) (*ec2.DescribeInstanceConnectEndpointsOutput, error) {
	q := resource.Query{IDs: in.InstanceConnectEndpointIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Least: 1, Most: 50, NotFound: missing}
	list, next, err := resource.List(c, r, q, endpoints.Scan(r, c.Account, c.Region), func(e *Endpoint) string { return e.ID },
		resource.Fields[Endpoint]{
			"instance-connect-endpoint-id": resource.One(func(e *Endpoint) string { return e.ID }),
			"state":                        resource.One(func(e *Endpoint) string { return e.State }),
			"subnet-id":                    resource.One(func(e *Endpoint) string { return e.Subnet }),
			"vpc-id":                       resource.One(func(e *Endpoint) string { return e.VPC }),
		})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeInstanceConnectEndpointsOutput{InstanceConnectEndpoints: []ec2.Ec2InstanceConnectEndpoint{}, NextToken: next}
	for _, e := range list {
		out.InstanceConnectEndpoints = append(out.InstanceConnectEndpoints, *e.api(c, r))
	}
	return out, nil
}
