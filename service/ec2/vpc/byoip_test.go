package vpc

import (
	"testing"
	"time"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
)

// TestOwnRange brings a range that no registry vouches for.
func TestOwnRange(t *testing.T) {
	w := newWorld(t)
	signed := &api.CidrAuthorizationContext{Message: "1|aws|000000000000|203.0.113.0/24|20300101|SHA256|RSAPSS", Signature: "c2lnbmVk"}
	for cidr, code := range map[string]string{"203.0.113.0/25": "InvalidParameterValue", "203.0.113.7/24": "InvalidParameterValue", "2001:db8::/60": "InvalidParameterValue", "none": "InvalidParameterValue"} {
		_, err := nodetest.Try(w.World, &api.ProvisionByoipCidr, &api.ProvisionByoipCidrInput{Cidr: cidr, CidrAuthorizationContext: signed})
		wantCode(t, err, code)
	}
	_, err := nodetest.Try(w.World, &api.ProvisionByoipCidr, &api.ProvisionByoipCidrInput{Cidr: "203.0.113.0/24"})
	wantCode(t, err, "MissingParameter")
	states := func() (list []string) {
		for _, b := range nodetest.Do(w.World, &api.DescribeByoipCidrs, &api.DescribeByoipCidrsInput{MaxResults: 10}).ByoipCidrs {
			list = append(list, *b.Cidr+" "+*b.State)
		}
		return list
	}
	expect := func(want ...string) {
		t.Helper()
		if got := states(); len(got) != len(want) || len(got) > 0 && got[0] != want[0] {
			t.Errorf("%v, want %v", got, want)
		}
	}
	out := nodetest.Do(w.World, &api.ProvisionByoipCidr, &api.ProvisionByoipCidrInput{Cidr: "203.0.113.0/24", CidrAuthorizationContext: signed, Description: new("ours")})
	if *out.ByoipCidr.State != "pending-provision" || *out.ByoipCidr.Description != "ours" {
		t.Errorf("%+v", out.ByoipCidr)
	}
	_, err = nodetest.Try(w.World, &api.ProvisionByoipCidr, &api.ProvisionByoipCidrInput{Cidr: "203.0.112.0/23", CidrAuthorizationContext: signed})
	wantCode(t, err, "InvalidParameterValue")
	_, err = nodetest.Try(w.World, &api.DeprovisionByoipCidr, &api.DeprovisionByoipCidrInput{Cidr: "203.0.113.0/24"})
	wantCode(t, err, "IncorrectState")
	w.Advance(time.Hour)
	expect("203.0.113.0/24 failed-provision")
	_, err = nodetest.Try(w.World, &api.AdvertiseByoipCidr, &api.AdvertiseByoipCidrInput{Cidr: "203.0.113.0/24"})
	wantCode(t, err, "IncorrectState")
	_, err = nodetest.Try(w.World, &api.WithdrawByoipCidr, &api.WithdrawByoipCidrInput{Cidr: "198.51.100.0/24"})
	wantCode(t, err, "InvalidParameterValue")
	nodetest.Do(w.World, &api.DeprovisionByoipCidr, &api.DeprovisionByoipCidrInput{Cidr: "203.0.113.0/24"})
	expect("203.0.113.0/24 pending-deprovision")
	w.Advance(time.Hour)
	expect()
}

func TestPublicPool(t *testing.T) {
	w := newWorld(t)
	tag := []api.TagSpecification{{ResourceType: new("ipv4pool-ec2"), Tags: []api.Tag{{Key: new("a"), Value: new("b")}}}}
	id := nodetest.Do(w.World, &api.CreatePublicIpv4Pool, &api.CreatePublicIpv4PoolInput{TagSpecifications: tag}).PoolId
	list := nodetest.Do(w.World, &api.DescribePublicIpv4Pools, &api.DescribePublicIpv4PoolsInput{Filters: []api.Filter{{Name: new("tag:a"), Values: []string{"b"}}}}).PublicIpv4Pools
	if len(list) != 1 || *list[0].PoolId != *id || *list[0].TotalAddressCount != 0 || len(list[0].Tags) != 1 {
		t.Errorf("%+v", list)
	}
	_, err := nodetest.Try(w.World, &api.AllocateAddress, &api.AllocateAddressInput{PublicIpv4Pool: id})
	wantCode(t, err, "InsufficientAddressCapacity")
	_, err = nodetest.Try(w.World, &api.ProvisionPublicIpv4PoolCidr, &api.ProvisionPublicIpv4PoolCidrInput{PoolId: *id, IpamPoolId: "ipam-pool-0123456789abcdef0", NetmaskLength: 28})
	wantCode(t, err, "InvalidIpamPoolId.NotFound")
	_, err = nodetest.Try(w.World, &api.DeprovisionPublicIpv4PoolCidr, &api.DeprovisionPublicIpv4PoolCidrInput{PoolId: *id, Cidr: "203.0.113.0/28"})
	wantCode(t, err, "InvalidParameterValue")
	nodetest.Do(w.World, &api.DeletePublicIpv4Pool, &api.DeletePublicIpv4PoolInput{PoolId: *id})
	_, err = nodetest.Try(w.World, &api.DescribePublicIpv4Pools, &api.DescribePublicIpv4PoolsInput{PoolIds: []string{*id}})
	wantCode(t, err, "InvalidPublicIpv4PoolID.NotFound")
}

// TestWhatWasRetired asks for what no account has any more, or ever had.
func TestWhatWasRetired(t *testing.T) {
	w := newWorld(t)
	id := w.vpc("10.0.0.0/16")
	_, err := nodetest.Try(w.World, &api.EnableVpcClassicLink, &api.EnableVpcClassicLinkInput{VpcId: id})
	wantCode(t, err, "UnsupportedOperation")
	_, err = nodetest.Try(w.World, &api.EnableVpcClassicLink, &api.EnableVpcClassicLinkInput{VpcId: "vpc-0123456789abcdef0"})
	wantCode(t, err, "InvalidVpcID.NotFound")
	_, err = nodetest.Try(w.World, &api.CreateCarrierGateway, &api.CreateCarrierGatewayInput{VpcId: id})
	wantCode(t, err, "UnsupportedOperation")
	_, err = nodetest.Try(w.World, &api.DescribeTrunkInterfaceAssociations, &api.DescribeTrunkInterfaceAssociationsInput{AssociationIds: []string{"trunk-assoc-0"}})
	wantCode(t, err, "InvalidTrunkInterfaceAssociationID.NotFound")
	_, err = nodetest.Try(w.World, &api.GetAssociatedIpv6PoolCidrs, &api.GetAssociatedIpv6PoolCidrsInput{PoolId: "ipv6pool-ec2-0"})
	wantCode(t, err, "InvalidIpv6PoolID.NotFound")
}
