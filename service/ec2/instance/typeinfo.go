package instance

import (
	"fmt"
	"iter"
	"strconv"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/region"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// typesPage is how many types a page has where nobody says.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypes.html
const typesPage = 100

func errNoTypes(names ...string) *cloud.Error {
	return resource.Errorf("InvalidInstanceType", "The following supplied instance types do not exist: %v", names)
}

func describeInstanceTypes(c *cloud.Call, r store.Reader, in *api.DescribeInstanceTypesInput) (*api.DescribeInstanceTypesOutput, error) {
	q := resource.Query{IDs: in.InstanceTypes, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Most: typesPage, NotFound: func(n string) *cloud.Error { return errNoTypes(n) }}
	if len(in.InstanceTypes) == 0 && q.Max == nil {
		q.Max = new(int32(typesPage))
	}
	page, next, err := resource.List(c, r, q, allTypes(), func(t *Type) string { return t.Name }, typeFields)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeInstanceTypesOutput{NextToken: next, InstanceTypes: make([]api.InstanceTypeInfo, 0, len(page))}
	for _, t := range page {
		out.InstanceTypes = append(out.InstanceTypes, t.info())
	}
	return out, nil
}

func allTypes() iter.Seq[*Type] {
	return func(yield func(*Type) bool) {
		for _, name := range types().names {
			if !yield(types().byName[name]) {
				return
			}
		}
	}
}

// info is the type as DescribeInstanceTypes tells it.
func (t *Type) info() api.InstanceTypeInfo {
	i := api.InstanceTypeInfo{
		InstanceType: &t.Name, CurrentGeneration: new(t.has('c')), FreeTierEligible: new(t.has('f')),
		SupportedUsageClasses: t.usageClasses, SupportedRootDeviceTypes: t.rootDevices, SupportedVirtualizationTypes: t.virtual,
		SupportedInRegion: new(true), BareMetal: new(t.has('b')), Hypervisor: optional(t.hypervisor),
		ProcessorInfo:            &api.ProcessorInfo{SupportedArchitectures: t.Architectures, SustainedClockSpeedInGhz: positive(t.ghz), Manufacturer: optional(t.manufacturer)},
		VCpuInfo:                 &api.VCpuInfo{DefaultVCpus: new(int32(t.VCPUs)), DefaultCores: new(int32(t.cores)), DefaultThreadsPerCore: new(int32(t.threads)), ValidCores: t.validCores, ValidThreadsPerCore: t.validThreads},
		MemoryInfo:               &api.MemoryInfo{SizeInMiB: new(int64(t.MemoryMiB))},
		InstanceStorageSupported: new(len(t.Disks) > 0), InstanceStorageInfo: t.storageInfo(),
		EbsInfo: t.ebsInfo(), NetworkInfo: t.networkInfo(), GpuInfo: t.gpuInfo(),
		PlacementGroupInfo:   &api.PlacementGroupInfo{SupportedStrategies: t.placement},
		HibernationSupported: new(t.has('h')), BurstablePerformanceSupported: new(t.Burstable()),
		DedicatedHostsSupported: new(t.has('d')), AutoRecoverySupported: new(t.has('r')), SupportedBootModes: t.bootModes,
		NitroEnclavesSupport: supported(t.has('n')), NitroTpmSupport: supported(t.has('m')), PhcSupport: supported(t.has('p')),
	}
	if t.has('m') {
		i.NitroTpmInfo = &api.NitroTpmInfo{SupportedVersions: []string{"2.0"}}
	}
	return i
}

func supported(yes bool) *string {
	if yes {
		return new("supported")
	}
	return new("unsupported")
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func positive(f float64) *float64 {
	if f == 0 {
		return nil
	}
	return &f
}

func (t *Type) storageInfo() *api.InstanceStorageInfo {
	if len(t.Disks) == 0 {
		return nil
	}
	i := &api.InstanceStorageInfo{NvmeSupport: optional(t.diskNVMe), EncryptionSupport: new("required")}
	if t.diskNVMe == "unsupported" {
		i.EncryptionSupport = new("unsupported")
	}
	var total int64
	for _, d := range t.Disks {
		total += int64(d.Count) * int64(d.GB)
		i.Disks = append(i.Disks, api.DiskInfo{SizeInGB: new(int64(d.GB)), Count: new(int32(d.Count)), Type: new(d.kind())})
	}
	i.TotalSizeInGB = &total
	return i
}

func (d Disk) kind() string {
	if d.HDD {
		return "hdd"
	}
	return "ssd"
}

func (t *Type) ebsInfo() *api.EbsInfo {
	i := &api.EbsInfo{EbsOptimizedSupport: &t.ebs.optimized, EncryptionSupport: new("supported"), NvmeSupport: &t.ebs.nvme}
	if t.ebs.maximum > 0 {
		i.EbsOptimizedInfo = &api.EbsOptimizedInfo{
			BaselineBandwidthInMbps: new(int32(t.ebs.baseline)), BaselineThroughputInMBps: new(float64(t.ebs.baseline) / 8), BaselineIops: new(int32(t.ebs.baselineIOPS)),
			MaximumBandwidthInMbps: new(int32(t.ebs.maximum)), MaximumThroughputInMBps: new(float64(t.ebs.maximum) / 8), MaximumIops: new(int32(t.ebs.maximumIOPS)),
		}
	}
	return i
}

func (t *Type) networkInfo() *api.NetworkInfo {
	n := t.network
	i := &api.NetworkInfo{
		NetworkPerformance: &n.performance, MaximumNetworkInterfaces: new(int32(n.interfaces)), MaximumNetworkCards: new(int32(n.cards)), DefaultNetworkCardIndex: new(int32(0)),
		Ipv4AddressesPerInterface: new(int32(n.ipv4)), Ipv6AddressesPerInterface: new(int32(n.ipv6)), Ipv6Supported: new(t.has('6')),
		EnaSupport: &n.ena, EfaSupported: new(t.has('e')), EncryptionInTransitSupported: new(t.has('x')), EnaSrdSupported: new(t.has('s')),
	}
	if t.has('e') {
		i.EfaInfo = &api.EfaInfo{MaximumEfaInterfaces: new(int32(n.cards))}
	}
	for k := range n.cards {
		i.NetworkCards = append(i.NetworkCards, api.NetworkCardInfo{
			NetworkCardIndex: new(int32(k)), NetworkPerformance: &n.performance, MaximumNetworkInterfaces: new(int32(n.firstCard)),
			BaselineBandwidthInGbps: positive(n.baseline), PeakBandwidthInGbps: positive(n.peak),
		})
	}
	return i
}

func (t *Type) gpuInfo() *api.GpuInfo {
	if len(t.gpus) == 0 {
		return nil
	}
	i := &api.GpuInfo{}
	total := 0
	for _, g := range t.gpus {
		total += g.count * g.memoryMiB
		i.Gpus = append(i.Gpus, api.GpuDeviceInfo{Name: &g.name, Manufacturer: &g.manufacturer, Count: new(int32(g.count)), MemoryInfo: &api.GpuDeviceMemoryInfo{SizeInMiB: new(int32(g.memoryMiB))}})
	}
	i.TotalGpuMemoryInMiB = new(int32(total))
	return i
}

func number[T any](f func(*T) int) func(*T) []string {
	return func(v *T) []string { return []string{strconv.Itoa(f(v))} }
}

// typeFields are the filters of DescribeInstanceTypes.
var typeFields = resource.Fields[Type]{
	"auto-recovery-supported":         resource.Flag(func(t *Type) bool { return t.has('r') }),
	"bare-metal":                      resource.Flag(func(t *Type) bool { return t.has('b') }),
	"burstable-performance-supported": resource.Flag((*Type).Burstable),
	"current-generation":              resource.Flag(func(t *Type) bool { return t.has('c') }),
	"dedicated-hosts-supported":       resource.Flag(func(t *Type) bool { return t.has('d') }),
	"ebs-info.ebs-optimized-info.baseline-bandwidth-in-mbps":  number(func(t *Type) int { return t.ebs.baseline }),
	"ebs-info.ebs-optimized-info.baseline-iops":               number(func(t *Type) int { return t.ebs.baselineIOPS }),
	"ebs-info.ebs-optimized-info.maximum-bandwidth-in-mbps":   number(func(t *Type) int { return t.ebs.maximum }),
	"ebs-info.ebs-optimized-info.maximum-iops":                number(func(t *Type) int { return t.ebs.maximumIOPS }),
	"ebs-info.ebs-optimized-info.baseline-throughput-in-mbps": resource.One(func(t *Type) string { return strconv.FormatFloat(float64(t.ebs.baseline)/8, 'f', -1, 64) }),
	"ebs-info.ebs-optimized-info.maximum-throughput-in-mbps":  resource.One(func(t *Type) string { return strconv.FormatFloat(float64(t.ebs.maximum)/8, 'f', -1, 64) }),
	"instance-storage-info.encryption-support": func(t *Type) []string {
		if i := t.Info().InstanceStorageInfo; i != nil {
			return []string{deref(i.EncryptionSupport)}
		}
		return nil
	},
	"network-info.efa-info.maximum-efa-interfaces": func(t *Type) []string {
		if e := t.Info().NetworkInfo.EfaInfo; e != nil && e.MaximumEfaInterfaces != nil {
			return decimals([]int32{*e.MaximumEfaInterfaces})
		}
		return nil
	},
	"nitro-tpm-info.supported-versions": func(t *Type) []string {
		if i := t.Info().NitroTpmInfo; i != nil {
			return i.SupportedVersions
		}
		return nil
	},
	"processor-info.supported-features":            func(t *Type) []string { return t.Info().ProcessorInfo.SupportedFeatures },
	"ebs-info.ebs-optimized-support":               resource.One(func(t *Type) string { return t.ebs.optimized }),
	"ebs-info.encryption-support":                  resource.One(func(*Type) string { return "supported" }),
	"ebs-info.nvme-support":                        resource.One(func(t *Type) string { return t.ebs.nvme }),
	"free-tier-eligible":                           resource.Flag(func(t *Type) bool { return t.has('f') }),
	"hibernation-supported":                        resource.Flag(func(t *Type) bool { return t.has('h') }),
	"hypervisor":                                   resource.One(func(t *Type) string { return t.hypervisor }),
	"instance-storage-info.disk.count":             diskField(func(d Disk) string { return strconv.Itoa(d.Count) }),
	"instance-storage-info.disk.size-in-gb":        diskField(func(d Disk) string { return strconv.Itoa(d.GB) }),
	"instance-storage-info.disk.type":              diskField(Disk.kind),
	"instance-storage-info.nvme-support":           resource.One(func(t *Type) string { return t.diskNVMe }),
	"instance-storage-info.total-size-in-gb":       number(func(t *Type) int { return t.storageGB() }),
	"instance-storage-supported":                   resource.Flag(func(t *Type) bool { return len(t.Disks) > 0 }),
	"instance-type":                                resource.One(func(t *Type) string { return t.Name }),
	"memory-info.size-in-mib":                      number(func(t *Type) int { return t.MemoryMiB }),
	"network-info.efa-supported":                   resource.Flag(func(t *Type) bool { return t.has('e') }),
	"network-info.ena-support":                     resource.One(func(t *Type) string { return t.network.ena }),
	"network-info.encryption-in-transit-supported": resource.Flag(func(t *Type) bool { return t.has('x') }),
	"network-info.ipv4-addresses-per-interface":    number(func(t *Type) int { return t.network.ipv4 }),
	"network-info.ipv6-addresses-per-interface":    number(func(t *Type) int { return t.network.ipv6 }),
	"network-info.ipv6-supported":                  resource.Flag(func(t *Type) bool { return t.has('6') }),
	"network-info.maximum-network-cards":           number(func(t *Type) int { return t.network.cards }),
	"network-info.maximum-network-interfaces":      number(func(t *Type) int { return t.network.interfaces }),
	"network-info.network-performance":             resource.One(func(t *Type) string { return t.network.performance }),
	"nitro-enclaves-support":                       resource.One(func(t *Type) string { return *supported(t.has('n')) }),
	"nitro-tpm-support":                            resource.One(func(t *Type) string { return *supported(t.has('m')) }),
	"processor-info.supported-architecture":        func(t *Type) []string { return t.Architectures },
	"processor-info.sustained-clock-speed-in-ghz":  resource.One(func(t *Type) string { return strconv.FormatFloat(t.ghz, 'f', -1, 64) }),
	"supported-boot-mode":                          func(t *Type) []string { return t.bootModes },
	"supported-root-device-type":                   func(t *Type) []string { return t.rootDevices },
	"supported-usage-class":                        func(t *Type) []string { return t.usageClasses },
	"supported-virtualization-type":                func(t *Type) []string { return t.virtual },
	"vcpu-info.default-cores":                      number(func(t *Type) int { return t.cores }),
	"vcpu-info.default-threads-per-core":           number(func(t *Type) int { return t.threads }),
	"vcpu-info.default-vcpus":                      number(func(t *Type) int { return t.VCPUs }),
	"vcpu-info.valid-cores":                        func(t *Type) []string { return decimals(t.validCores) },
	"vcpu-info.valid-threads-per-core":             func(t *Type) []string { return decimals(t.validThreads) },
}

func diskField(f func(Disk) string) func(*Type) []string {
	return func(t *Type) (list []string) {
		for _, d := range t.Disks {
			list = append(list, f(d))
		}
		return list
	}
}

func (t *Type) storageGB() (total int) {
	for _, d := range t.Disks {
		total += d.Count * d.GB
	}
	return total
}

func decimals(list []int32) (out []string) {
	for _, n := range list {
		out = append(out, strconv.Itoa(int(n)))
	}
	return out
}

// offering is a type at a place.
type offering struct {
	t           *Type
	kind, place string
}

// describeInstanceTypeOfferings tells where types are offered: here, each in
// every zone.
func describeInstanceTypeOfferings(c *cloud.Call, r store.Reader, in *api.DescribeInstanceTypeOfferingsInput) (*api.DescribeInstanceTypeOfferingsOutput, error) {
	kind := cloud.Or(in.LocationType, "region")
	places, err := placesOf(c.Region, kind)
	if err != nil {
		return nil, err
	}
	all := func(yield func(*offering) bool) {
		for t := range allTypes() {
			for _, p := range places {
				if !yield(&offering{t, kind, p}) {
					return
				}
			}
		}
	}
	page, next, err := resource.List(c, r, resource.Query{Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken}, all,
		func(o *offering) string { return o.t.Name + " " + o.place },
		resource.Fields[offering]{
			"instance-type": resource.One(func(o *offering) string { return o.t.Name }),
			"location":      resource.One(func(o *offering) string { return o.place }),
		})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeInstanceTypeOfferingsOutput{NextToken: next, InstanceTypeOfferings: make([]api.InstanceTypeOffering, 0, len(page))}
	for _, o := range page {
		out.InstanceTypeOfferings = append(out.InstanceTypeOfferings, api.InstanceTypeOffering{InstanceType: &o.t.Name, Location: &o.place, LocationType: &o.kind})
	}
	return out, nil
}

// placesOf are the places of a kind in a region.
func placesOf(name, kind string) (places []string, err error) {
	r, ok := region.Find(name)
	if !ok {
		return nil, fmt.Errorf("ec2: no region is called %q", name)
	}
	switch kind {
	case "region":
		return []string{name}, nil
	case "availability-zone":
		for _, z := range r.Zones() {
			places = append(places, z.Name)
		}
	case "availability-zone-id":
		for _, z := range r.Zones() {
			places = append(places, z.ID)
		}
	case "outpost":
	default:
		return nil, resource.Invalid(kind, "LocationType")
	}
	return places, nil
}
