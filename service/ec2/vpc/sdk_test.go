package vpc

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// TestClient builds a network with AWS's own client, over HTTP.
func TestClient(t *testing.T) {
	w := newWorld(t)
	x, ctx := w.client(), t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	zones, err := x.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{})
	must(err)
	if len(zones.AvailabilityZones) != 6 {
		t.Fatalf("%d zones, want 6", len(zones.AvailabilityZones))
	}
	v, err := x.CreateVpc(ctx, &ec2.CreateVpcInput{
		CidrBlock: aws.String("10.0.0.0/16"), AmazonProvidedIpv6CidrBlock: aws.Bool(true),
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeVpc, Tags: []types.Tag{{Key: aws.String("Name"), Value: aws.String("n")}}}},
	})
	must(err)
	if v.Vpc.State != types.VpcStatePending || *v.Vpc.Tags[0].Value != "n" {
		t.Errorf("CreateVpc answers %+v", v.Vpc)
	}
	must(ec2.NewVpcAvailableWaiter(x).Wait(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{*v.Vpc.VpcId}}, time.Minute))
	list, err := x.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{Filters: []types.Filter{{Name: aws.String("tag:Name"), Values: []string{"n*"}}}})
	must(err)
	if len(list.Vpcs) != 1 || len(list.Vpcs[0].Ipv6CidrBlockAssociationSet) != 1 || *list.Vpcs[0].Ipv6CidrBlockAssociationSet[0].Ipv6CidrBlock == "" {
		t.Fatalf("DescribeVpcs answers %+v", list.Vpcs)
	}
	s, err := x.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: v.Vpc.VpcId, CidrBlock: aws.String("10.0.1.0/24"), AvailabilityZoneId: aws.String("use1-az2")})
	must(err)
	if *s.Subnet.AvailabilityZone != "us-east-1b" || *s.Subnet.AvailableIpAddressCount != 251 {
		t.Errorf("CreateSubnet answers %+v", s.Subnet)
	}
	g, err := x.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: aws.String("web"), Description: aws.String("d"), VpcId: v.Vpc.VpcId})
	must(err)
	_, err = x.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: g.GroupId, IpPermissions: []types.IpPermission{
		{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(80), ToPort: aws.Int32(80), IpRanges: []types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}},
	}})
	must(err)
	i, err := x.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: s.Subnet.SubnetId, Groups: []string{*g.GroupId}, PrivateIpAddress: aws.String("10.0.1.10")})
	must(err)
	if *i.NetworkInterface.PrivateIpAddress != "10.0.1.10" {
		t.Errorf("CreateNetworkInterface answers %+v", i.NetworkInterface)
	}
	got := w.applied(*v.Vpc.VpcId)
	if len(got.Interfaces) != 1 || len(got.Subnets) != 1 || got.Subnets[0].RouteTable == "" || got.Subnets[0].ACL == "" || len(got.Groups) != 2 {
		t.Errorf("the data plane has %+v", got)
	}
	_, err = x.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{DryRun: aws.Bool(true)})
	if err == nil {
		t.Error("a dry run passed for a call")
	}
}
