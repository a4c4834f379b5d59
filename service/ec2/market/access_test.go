package market_test

import (
	"testing"

	api "pileus/api/ec2"
	apis3 "pileus/api/s3"
	"pileus/cloud"
	"pileus/node/nodetest"
	"pileus/service/ec2/market"
)

// row is what an operation needs, and a call that succeeds with it.
type row struct {
	actions []string
	try     func(*cloud.Call) error
}

func of[In, Out any](op *cloud.Op[In, Out], in In, more ...string) row {
	return row{append([]string{"ec2:" + op.Name}, more...), func(c *cloud.Call) error {
		_, err := op.Call(c, in)
		return err
	}}
}

// TestAccess tries each operation with what it needs, and with each of the
// actions missing.
func TestAccess(t *testing.T) {
	w := newWorld(t)
	rows := w.operations()
	for _, b := range market.Operations() {
		r, ok := rows[b.Op.Name]
		if !ok {
			t.Errorf("%s has no case", b.Op.Name)
			continue
		}
		for n, missing := range r.actions {
			others := append(append([]string{"ec2:Nothing"}, r.actions[:n]...), r.actions[n+1:]...)
			if err := r.try(w.As(w.User(b.Op.Name+"-without-"+missing[4:], nodetest.Allow(others...)))); code(err) != "UnauthorizedOperation" {
				t.Errorf("%s without %s: %v", b.Op.Name, missing, err)
			}
		}
		if err := r.try(w.As(w.User(b.Op.Name+"-with", nodetest.Allow(r.actions...)))); err != nil {
			t.Errorf("%s with what it needs: %v", b.Op.Name, err)
		}
	}
}

// operations are all that there are, in an order that lets each succeed.
func (w *world) operations() map[string]row {
	w.launchTemplate("base")
	nodetest.Do(w.World, &apis3.CreateBucket, &apis3.CreateBucketInput{Bucket: "feed"})
	request := w.request()
	fleet := *nodetest.Do(w.World, &api.CreateFleet, w.fleetInput("maintain", 1, 0)).FleetId
	role := "arn:aws:iam::000000000000:role/fleet"
	spot := &api.RequestSpotFleetInput{SpotFleetRequestConfig: api.SpotFleetRequestConfigData{
		IamFleetRole: role, TargetCapacity: 1, LaunchSpecifications: []api.SpotFleetLaunchSpecification{{ImageId: new(image()), InstanceType: new("t3.micro")}},
	}}
	spotFleet := *nodetest.Do(w.World, &api.RequestSpotFleet, spot).SpotFleetRequestId
	w.Drain()
	nodetest.Do(w.World, &api.CreateSpotDatafeedSubscription, &api.CreateSpotDatafeedSubscriptionInput{Bucket: "feed"})
	return map[string]row{
		"RequestSpotInstances": of(&api.RequestSpotInstances, &api.RequestSpotInstancesInput{
			LaunchSpecification: &api.RequestSpotLaunchSpecification{ImageId: new(image()), InstanceType: new("t3.micro")},
			TagSpecifications:   []api.TagSpecification{{ResourceType: new("spot-instances-request"), Tags: []api.Tag{{Key: new("a"), Value: new("b")}}}},
		}, "ec2:CreateTags"),
		"CancelSpotInstanceRequests":       of(&api.CancelSpotInstanceRequests, &api.CancelSpotInstanceRequestsInput{SpotInstanceRequestIds: []string{request}}),
		"DescribeSpotInstanceRequests":     of(&api.DescribeSpotInstanceRequests, &api.DescribeSpotInstanceRequestsInput{}),
		"DescribeSpotPriceHistory":         of(&api.DescribeSpotPriceHistory, &api.DescribeSpotPriceHistoryInput{InstanceTypes: []string{"t3.micro"}}),
		"GetSpotPlacementScores":           of(&api.GetSpotPlacementScores, &api.GetSpotPlacementScoresInput{InstanceTypes: []string{"t3.micro"}, TargetCapacity: 1}),
		"CreateSpotDatafeedSubscription":   of(&api.CreateSpotDatafeedSubscription, &api.CreateSpotDatafeedSubscriptionInput{Bucket: "feed"}),
		"DeleteSpotDatafeedSubscription":   of(&api.DeleteSpotDatafeedSubscription, &api.DeleteSpotDatafeedSubscriptionInput{}),
		"DescribeSpotDatafeedSubscription": row{[]string{"ec2:DescribeSpotDatafeedSubscription"}, unlessMissing(&api.DescribeSpotDatafeedSubscription, &api.DescribeSpotDatafeedSubscriptionInput{}, "InvalidSpotDatafeed.NotFound")},
		"RequestSpotFleet":                 of(&api.RequestSpotFleet, spot, "iam:PassRole"),
		"ModifySpotFleetRequest":           of(&api.ModifySpotFleetRequest, &api.ModifySpotFleetRequestInput{SpotFleetRequestId: spotFleet, TargetCapacity: new(int32(2))}),
		"CancelSpotFleetRequests":          of(&api.CancelSpotFleetRequests, &api.CancelSpotFleetRequestsInput{SpotFleetRequestIds: []string{spotFleet}, TerminateInstances: true}),
		"DescribeSpotFleetRequests":        of(&api.DescribeSpotFleetRequests, &api.DescribeSpotFleetRequestsInput{}),
		"DescribeSpotFleetInstances":       of(&api.DescribeSpotFleetInstances, &api.DescribeSpotFleetInstancesInput{SpotFleetRequestId: spotFleet}),
		"DescribeSpotFleetRequestHistory":  of(&api.DescribeSpotFleetRequestHistory, &api.DescribeSpotFleetRequestHistoryInput{SpotFleetRequestId: spotFleet, StartTime: nodetest.Epoch}),
		"CreateFleet":                      of(&api.CreateFleet, w.fleetInput("request", 1, 0)),
		"ModifyFleet":                      of(&api.ModifyFleet, &api.ModifyFleetInput{FleetId: fleet, ExcessCapacityTerminationPolicy: new("no-termination")}),
		"DeleteFleets":                     of(&api.DeleteFleets, &api.DeleteFleetsInput{FleetIds: []string{fleet}, TerminateInstances: true}),
		"DescribeFleets":                   of(&api.DescribeFleets, &api.DescribeFleetsInput{}),
		"DescribeFleetInstances":           of(&api.DescribeFleetInstances, &api.DescribeFleetInstancesInput{FleetId: fleet}),
		"DescribeFleetHistory":             of(&api.DescribeFleetHistory, &api.DescribeFleetHistoryInput{FleetId: fleet, StartTime: nodetest.Epoch}),
		"GetInstanceTypesFromInstanceRequirements": of(&api.GetInstanceTypesFromInstanceRequirements, &api.GetInstanceTypesFromInstanceRequirementsInput{
			ArchitectureTypes: []string{"x86_64"}, VirtualizationTypes: []string{"hvm"},
			InstanceRequirements: api.InstanceRequirementsRequest{VCpuCount: api.VCpuCountRangeRequest{Min: 1}, MemoryMiB: api.MemoryMiBRequest{Min: 1}},
		}),
	}
}

// unlessMissing is a call that may also find nothing.
func unlessMissing[In, Out any](op *cloud.Op[In, Out], in In, missing string) func(*cloud.Call) error {
	return func(c *cloud.Call) error {
		if _, err := op.Call(c, in); code(err) != missing {
			return err
		}
		return nil
	}
}
