package reserve_test

import (
	"testing"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
)

func TestReservedByZoneID(t *testing.T) {
	w := newWorld(t)
	const zone, id = "us-east-1b", "use1-az2"
	host := nodetest.Do(w.World, &api.AllocateHosts, &api.AllocateHostsInput{AvailabilityZoneId: new(id), InstanceFamily: new("m5")}).HostIds[0]
	if h := nodetest.Do(w.World, &api.DescribeHosts, &api.DescribeHostsInput{HostIds: []string{host}}).Hosts[0]; *h.AvailabilityZone != zone || *h.AvailabilityZoneId != id {
		t.Errorf("host: %+v", h)
	}
	offers := nodetest.Do(w.World, &api.DescribeReservedInstancesOfferings, &api.DescribeReservedInstancesOfferingsInput{AvailabilityZoneId: new(id), InstanceType: new("m5.large")}).ReservedInstancesOfferings
	if len(offers) == 0 {
		t.Fatal("no offerings")
	}
	for _, o := range offers {
		if *o.AvailabilityZone != zone || *o.AvailabilityZoneId != id {
			t.Errorf("offering: %+v", o)
		}
	}
	bought := *nodetest.Do(w.World, &api.PurchaseReservedInstancesOffering, &api.PurchaseReservedInstancesOfferingInput{InstanceCount: 1, ReservedInstancesOfferingId: *offers[0].ReservedInstancesOfferingId}).ReservedInstancesId
	w.Drain()
	if x := nodetest.Do(w.World, &api.DescribeReservedInstances, &api.DescribeReservedInstancesInput{ReservedInstancesIds: []string{bought}}).ReservedInstances[0]; *x.AvailabilityZoneId != id {
		t.Errorf("reserved: %+v", x)
	}
	nodetest.Do(w.World, &api.ModifyReservedInstances, &api.ModifyReservedInstancesInput{ReservedInstancesIds: []string{bought}, TargetConfigurations: []api.ReservedInstancesConfiguration{
		{AvailabilityZoneId: new("use1-az1"), InstanceCount: new(int32(1))},
	}})
	for _, both := range []func() error{
		func() error {
			_, err := nodetest.Try(w.World, &api.AllocateHosts, &api.AllocateHostsInput{AvailabilityZone: new(zone), AvailabilityZoneId: new(id), InstanceFamily: new("m5")})
			return err
		},
		func() error {
			_, err := nodetest.Try(w.World, &api.DescribeReservedInstancesOfferings, &api.DescribeReservedInstancesOfferingsInput{AvailabilityZone: new(zone), AvailabilityZoneId: new(id)})
			return err
		},
	} {
		if err := both(); code(err) != "InvalidParameterCombination" {
			t.Errorf("zone and id: %v", err)
		}
	}
}
