package instance_test

import (
	"slices"
	"testing"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
	"pileus/service/ec2/instance"
)

func TestInstanceTypes(t *testing.T) {
	w := newWorld(t)
	seen, pages := 0, 0
	for token := (*string)(nil); pages == 0 || token != nil; pages++ {
		out := nodetest.Do(w.World, &api.DescribeInstanceTypes, &api.DescribeInstanceTypesInput{NextToken: token})
		seen, token = seen+len(out.InstanceTypes), out.NextToken
	}
	if seen < 200 || pages != (seen+99)/100 {
		t.Errorf("%d types on %d pages", seen, pages)
	}
	i := nodetest.Do(w.World, &api.DescribeInstanceTypes, &api.DescribeInstanceTypesInput{InstanceTypes: []string{"g5.12xlarge"}}).InstanceTypes[0]
	if *i.VCpuInfo.DefaultVCpus != 48 || *i.MemoryInfo.SizeInMiB != 192<<10 || *i.GpuInfo.Gpus[0].Name != "A10G" || *i.GpuInfo.TotalGpuMemoryInMiB != 91552 ||
		*i.InstanceStorageInfo.TotalSizeInGB != 3800 || *i.NetworkInfo.MaximumNetworkInterfaces != 15 || *i.EbsInfo.EbsOptimizedInfo.MaximumIops != 65000 {
		t.Errorf("%+v", i)
	}
	found := nodetest.Do(w.World, &api.DescribeInstanceTypes, &api.DescribeInstanceTypesInput{Filters: []api.Filter{
		{Name: new("free-tier-eligible"), Values: []string{"true"}}, {Name: new("processor-info.supported-architecture"), Values: []string{"x86_64"}},
	}})
	var names []string
	for _, i := range found.InstanceTypes {
		names = append(names, *i.InstanceType)
	}
	if !slices.Contains(names, "t3.micro") || len(names) > 20 {
		t.Errorf("free: %v", names)
	}
	want(w, "InvalidInstanceType", &api.DescribeInstanceTypes, &api.DescribeInstanceTypesInput{InstanceTypes: []string{"p3.2xlarge", "t3.micro"}})

	// The model's list ends in 2024; the table goes on.
	recent := nodetest.Do(w.World, &api.DescribeInstanceTypes, &api.DescribeInstanceTypesInput{InstanceTypes: []string{"m8i.large"}}).InstanceTypes
	if len(recent) != 1 || *recent[0].MemoryInfo.SizeInMiB != 8192 {
		t.Errorf("%v", recent)
	}
	w.run(1, func(in *api.RunInstancesInput) { in.InstanceType = new("m8i.large") })
	want(w, "InvalidParameterValue", &api.RunInstances, &api.RunInstancesInput{ImageId: new(image()), InstanceType: new("m5.huge"), MinCount: 1, MaxCount: 1})

	zones := nodetest.Do(w.World, &api.DescribeInstanceTypeOfferings, &api.DescribeInstanceTypeOfferingsInput{
		LocationType: new("availability-zone"), Filters: []api.Filter{{Name: new("instance-type"), Values: []string{"t3.micro"}}},
	}).InstanceTypeOfferings
	if len(zones) != 6 || *zones[0].Location != "us-east-1a" {
		t.Errorf("%v", zones)
	}
}

// TestEveryTypeIsSound looks for rows that cannot be.
func TestEveryTypeIsSound(t *testing.T) {
	for name := range instance.Types() {
		k, ok := instance.FindType(name)
		if !ok || k.VCPUs < 1 || k.MemoryMiB < 500 || len(k.Architectures) == 0 || k.Interfaces() < 1 {
			t.Errorf("%s: %+v", name, k)
		}
	}
}

// TestFiltersOfTypes finds types by what only some of them have.
func TestFiltersOfTypes(t *testing.T) {
	w := newWorld(t)
	for name, value := range map[string]string{
		"ebs-info.ebs-optimized-info.baseline-throughput-in-mbps": "81.25", "ebs-info.ebs-optimized-info.maximum-throughput-in-mbps": "593.75",
		"instance-storage-info.encryption-support": "required", "network-info.efa-info.maximum-efa-interfaces": "1", "nitro-tpm-info.supported-versions": "2.0",
	} {
		find := func(value string) int {
			return len(nodetest.Do(w.World, &api.DescribeInstanceTypes, &api.DescribeInstanceTypesInput{Filters: []api.Filter{{Name: &name, Values: []string{value}}}}).InstanceTypes)
		}
		if find(value) == 0 || find("nonesuch") != 0 {
			t.Errorf("%s does not tell %s from others", name, value)
		}
	}
	none := []api.Filter{{Name: new("processor-info.supported-features"), Values: []string{"*"}}}
	if found := nodetest.Do(w.World, &api.DescribeInstanceTypes, &api.DescribeInstanceTypesInput{Filters: none}).InstanceTypes; len(found) != 0 {
		t.Errorf("%d types have features of which none is here", len(found))
	}
}
