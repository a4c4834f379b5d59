package market_test

import (
	"compress/gzip"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	api "pileus/api/ec2"
	apis3 "pileus/api/s3"
	"pileus/node/nodetest"
)

// TestSDK goes through spot requests and fleets with AWS's own client.
func TestSDK(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	client := ec2.NewFromConfig(w.Config())
	made, err := client.RequestSpotInstances(ctx, &ec2.RequestSpotInstancesInput{
		SpotPrice: new("0.05"), InstanceCount: new(int32(2)), Type: types.SpotInstanceTypePersistent,
		LaunchSpecification: &types.RequestSpotLaunchSpecification{ImageId: new(image()), InstanceType: types.InstanceTypeM5Large},
		TagSpecifications:   []types.TagSpecification{{ResourceType: types.ResourceTypeSpotInstancesRequest, Tags: []types.Tag{{Key: new("Name"), Value: new("sdk")}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Drain()
	waiter := ec2.NewSpotInstanceRequestFulfilledWaiter(client)
	ids := []string{*made.SpotInstanceRequests[0].SpotInstanceRequestId, *made.SpotInstanceRequests[1].SpotInstanceRequestId}
	if err := waiter.Wait(ctx, &ec2.DescribeSpotInstanceRequestsInput{SpotInstanceRequestIds: ids}, time.Minute); err != nil {
		t.Fatal(err)
	}
	found, err := client.DescribeSpotInstanceRequests(ctx, &ec2.DescribeSpotInstanceRequestsInput{Filters: []types.Filter{{Name: new("tag:Name"), Values: []string{"sdk"}}, {Name: new("state"), Values: []string{"active"}}}})
	if err != nil || len(found.SpotInstanceRequests) != 2 || *found.SpotInstanceRequests[0].LaunchSpecification.ImageId != image() {
		t.Fatalf("%v: %+v", err, found)
	}
	prices, err := client.DescribeSpotPriceHistory(ctx, &ec2.DescribeSpotPriceHistoryInput{InstanceTypes: []types.InstanceType{types.InstanceTypeM5Large}})
	if err != nil || len(prices.SpotPriceHistory) != 12 { // six zones, two platforms
		t.Errorf("%v: %d prices", err, len(prices.SpotPriceHistory))
	}
	scores, err := client.GetSpotPlacementScores(ctx, &ec2.GetSpotPlacementScoresInput{TargetCapacity: new(int32(5)), InstanceTypes: []string{"m5.large", "c5.large", "r5.large"}, SingleAvailabilityZone: new(true)})
	if err != nil || len(scores.SpotPlacementScores) != 10 || *scores.SpotPlacementScores[0].Score < *scores.SpotPlacementScores[9].Score {
		t.Errorf("%v: %+v", err, scores)
	}
	w.launchTemplate("base")
	fleet, err := client.CreateFleet(ctx, &ec2.CreateFleetInput{
		Type: types.FleetTypeInstant, TargetCapacitySpecification: &types.TargetCapacitySpecificationRequest{TotalTargetCapacity: new(int32(2)), DefaultTargetCapacityType: types.DefaultTargetCapacityTypeSpot},
		LaunchTemplateConfigs: []types.FleetLaunchTemplateConfigRequest{{LaunchTemplateSpecification: &types.FleetLaunchTemplateSpecificationRequest{LaunchTemplateName: new("base"), Version: new("1")}}},
	})
	if err != nil || len(fleet.Instances) != 1 || len(fleet.Instances[0].InstanceIds) != 2 || fleet.Instances[0].Lifecycle != types.InstanceLifecycleSpot {
		t.Errorf("%v: %+v", err, fleet)
	}
	_, err = client.CreateFleet(ctx, &ec2.CreateFleetInput{
		DryRun: new(true), TargetCapacitySpecification: &types.TargetCapacitySpecificationRequest{TotalTargetCapacity: new(int32(1))},
		LaunchTemplateConfigs: []types.FleetLaunchTemplateConfigRequest{{LaunchTemplateSpecification: &types.FleetLaunchTemplateSpecificationRequest{LaunchTemplateName: new("base")}}},
	})
	if err == nil || !strings.Contains(err.Error(), "DryRunOperation") {
		t.Errorf("a dry run: %v", err)
	}
}

// TestDatafeed: each hour with usage has its file in the bucket.
func TestDatafeed(t *testing.T) {
	w := newWorld(t)
	if _, err := nodetest.Try(w.World, &api.CreateSpotDatafeedSubscription, &api.CreateSpotDatafeedSubscriptionInput{Bucket: "feed"}); code(err) != "InaccessibleStorageLocation" {
		t.Errorf("without a bucket: %v", err)
	}
	nodetest.Do(w.World, &apis3.CreateBucket, &apis3.CreateBucketInput{Bucket: "feed"})
	nodetest.Do(w.World, &api.CreateSpotDatafeedSubscription, &api.CreateSpotDatafeedSubscriptionInput{Bucket: "feed", Prefix: new("spot/")})
	id := w.request()
	w.Advance(2*time.Hour + time.Minute)
	list := nodetest.Do(w.World, &apis3.ListObjectsV2, &apis3.ListObjectsV2Input{Bucket: "feed"}).Contents
	if len(list) != 2 || !strings.HasPrefix(*list[0].Key, "spot/000000000000.2026-01-01-00.001.") {
		t.Fatalf("files: %+v", list)
	}
	o := nodetest.Do(w.World, &apis3.GetObject, &apis3.GetObjectInput{Bucket: "feed", Key: *list[1].Key})
	defer o.Body.Close()
	z, err := gzip.NewReader(o.Body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil || !strings.Contains(string(text), "\t"+id+"\t") || !strings.Contains(string(text), "SpotUsage:t3.micro") {
		t.Errorf("%v: %s", err, text)
	}
	nodetest.Do(w.World, &api.DeleteSpotDatafeedSubscription, &api.DeleteSpotDatafeedSubscriptionInput{})
	w.Advance(2 * time.Hour)
	if n := len(nodetest.Do(w.World, &apis3.ListObjectsV2, &apis3.ListObjectsV2Input{Bucket: "feed"}).Contents); n != 2 {
		t.Errorf("%d files after the end of the subscription", n)
	}
}

func TestTypesByAttributes(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct {
		edit       func(*api.InstanceRequirementsRequest)
		with, sans string // types that are, and are not, among them
	}{
		"only counts": {func(*api.InstanceRequirementsRequest) {}, "m5.large", "m5.2xlarge"},
		"burstable":   {func(r *api.InstanceRequirementsRequest) { r.BurstablePerformance = new("required") }, "t3.large", "m5.large"},
		"of AMD":      {func(r *api.InstanceRequirementsRequest) { r.CpuManufacturers = []string{"amd"} }, "m5a.large", "m5.large"},
		"excluded":    {func(r *api.InstanceRequirementsRequest) { r.ExcludedInstanceTypes = []string{"m5.*", "m6*"} }, "m5a.large", "m5.large"},
		"allowed":     {func(r *api.InstanceRequirementsRequest) { r.AllowedInstanceTypes = []string{"m5.*"} }, "m5.large", "m5a.large"},
		"local disks": {func(r *api.InstanceRequirementsRequest) { r.LocalStorage = new("required") }, "m5d.large", "m5.large"},
		"no GPU": {func(r *api.InstanceRequirementsRequest) {
			r.VCpuCount.Max, r.MemoryMiB.Max = new(int32(8)), new(int32(65536))
		}, "m5.xlarge", "g5.xlarge"},
		"a GPU": {func(r *api.InstanceRequirementsRequest) {
			r.VCpuCount.Max, r.MemoryMiB.Max, r.AcceleratorManufacturers = new(int32(8)), new(int32(65536)), []string{"nvidia"}
		}, "g5.xlarge", "m5.xlarge"},
		"with price protection": {func(r *api.InstanceRequirementsRequest) { r.OnDemandMaxPricePercentageOverLowestPrice = nil }, "t3.large", "m5dn.large"},
	} {
		r := api.InstanceRequirementsRequest{
			VCpuCount: api.VCpuCountRangeRequest{Min: 2, Max: new(int32(4))}, MemoryMiB: api.MemoryMiBRequest{Min: 8192, Max: new(int32(16384))},
			BurstablePerformance: new("included"), OnDemandMaxPricePercentageOverLowestPrice: new(int32(999_999)),
		}
		test.edit(&r)
		out := nodetest.Do(w.World, &api.GetInstanceTypesFromInstanceRequirements, &api.GetInstanceTypesFromInstanceRequirementsInput{
			ArchitectureTypes: []string{"x86_64"}, VirtualizationTypes: []string{"hvm"}, InstanceRequirements: r,
		})
		seen := map[string]bool{}
		for _, i := range out.InstanceTypes {
			seen[*i.InstanceType] = true
		}
		if !seen[test.with] || seen[test.sans] {
			t.Errorf("%s: %s %v, %s %v, of %d", name, test.with, seen[test.with], test.sans, seen[test.sans], len(seen))
		}
	}
}
