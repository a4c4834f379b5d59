package market

import (
	"path"
	"slices"
	"strings"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/price"
	"pileus/service/ec2/instance"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// attributes are what instance types must have.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceRequirementsRequest.html
type attributes struct {
	*api.InstanceRequirements
	architectures, virtualization []string
}

// attributesOf reads requirements, of either form that the API has.
func attributesOf(from any) (*attributes, error) {
	r, err := convert[*api.InstanceRequirements](from)
	if err != nil {
		return nil, err
	}
	switch {
	case r == nil, r.VCpuCount == nil || r.VCpuCount.Min == nil:
		return nil, resource.Missing("InstanceRequirements.VCpuCount.Min")
	case r.MemoryMiB == nil || r.MemoryMiB.Min == nil:
		return nil, resource.Missing("InstanceRequirements.MemoryMiB.Min")
	case len(r.AllowedInstanceTypes) > 0 && len(r.ExcludedInstanceTypes) > 0:
		return nil, resource.Combination("The parameters AllowedInstanceTypes and ExcludedInstanceTypes cannot be specified together.")
	}
	return &attributes{InstanceRequirements: r}, nil
}

// types are the names of the types that have the attributes, cheapest first
// guarded by price protection: those that cost far more than the cheapest of
// the current generation are left out.
func (a *attributes) types() []string {
	var list []string
	lowest := 0.0
	for name := range instance.Types() {
		t, _ := instance.FindType(name)
		if i := t.Info(); a.fit(&i) {
			list = append(list, name)
			if usd, ok := price.OnDemand(name, ""); ok && *i.CurrentGeneration && (lowest == 0 || usd < lowest) {
				lowest = usd
			}
		}
	}
	return slices.DeleteFunc(list, func(name string) bool { return a.dear(name, lowest) })
}

// usualProtection is by how many percent a type may cost more than the
// cheapest where nobody says.
const usualProtection = 20

// noProtection switches price protection off.
const noProtection = 999_999

// dear tells whether a type costs too much. Spot prices follow those on
// demand closely, so one look at the latter serves both.
func (a *attributes) dear(name string, lowest float64) bool {
	most := cloud.Or(a.OnDemandMaxPricePercentageOverLowestPrice, usualProtection)
	if a.OnDemandMaxPricePercentageOverLowestPrice == nil && a.SpotMaxPricePercentageOverLowestPrice != nil {
		most = *a.SpotMaxPricePercentageOverLowestPrice
	}
	usd, ok := price.OnDemand(name, "")
	if !ok || most >= noProtection || lowest == 0 {
		return false
	}
	return usd > lowest*(1+float64(most)/100)
}

// fit tells whether a type has the attributes.
func (a *attributes) fit(i *api.InstanceTypeInfo) bool {
	vcpus, memory := float64(*i.VCpuInfo.DefaultVCpus), float64(*i.MemoryInfo.SizeInMiB)
	return a.fitKind(i) &&
		within(vcpus, a.VCpuCount.Min, a.VCpuCount.Max) && within(memory, a.MemoryMiB.Min, a.MemoryMiB.Max) &&
		(a.MemoryGiBPerVCpu == nil || within(memory/1024/vcpus, a.MemoryGiBPerVCpu.Min, a.MemoryGiBPerVCpu.Max)) &&
		(a.NetworkInterfaceCount == nil || within(float64(*i.NetworkInfo.MaximumNetworkInterfaces), a.NetworkInterfaceCount.Min, a.NetworkInterfaceCount.Max)) &&
		a.fitStorage(i) && a.fitAccelerators(i) && a.fitBandwidth(i)
}

// fitKind looks at what a type is.
func (a *attributes) fitKind(i *api.InstanceTypeInfo) bool {
	name := *i.InstanceType
	generation := "previous"
	if *i.CurrentGeneration {
		generation = "current"
	}
	manufacturer := map[string]string{"Intel": "intel", "AMD": "amd", "AWS": "amazon-web-services", "Apple": "apple"}[cloud.Or(i.ProcessorInfo.Manufacturer, "")]
	return (len(a.AllowedInstanceTypes) == 0 || named(name, a.AllowedInstanceTypes)) && !named(name, a.ExcludedInstanceTypes) &&
		allowed(generation, a.InstanceGenerations) && allowed(manufacturer, a.CpuManufacturers) &&
		anyOf(i.ProcessorInfo.SupportedArchitectures, a.architectures) && anyOf(i.SupportedVirtualizationTypes, a.virtualization) &&
		presence(a.BareMetal, *i.BareMetal) && presence(a.BurstablePerformance, *i.BurstablePerformanceSupported) &&
		(!cloud.Or(a.RequireHibernateSupport, false) || *i.HibernationSupported)
}

// fitStorage looks at a type's instance store, which it may have unless that is
// excluded.
func (a *attributes) fitStorage(i *api.InstanceTypeInfo) bool {
	has, total := *i.InstanceStorageSupported, 0.0
	var kinds []string
	if s := i.InstanceStorageInfo; s != nil {
		total = float64(*s.TotalSizeInGB)
		for _, d := range s.Disks {
			kinds = append(kinds, *d.Type)
		}
	}
	if a.LocalStorage != nil && *a.LocalStorage != "included" && !presence(a.LocalStorage, has) {
		return false
	}
	return (len(a.LocalStorageTypes) == 0 || anyOf(kinds, a.LocalStorageTypes)) &&
		(a.TotalLocalStorageGB == nil || within(total, a.TotalLocalStorageGB.Min, a.TotalLocalStorageGB.Max))
}

// fitAccelerators looks at a type's GPUs. Types that have some are left out
// unless they are asked for.
func (a *attributes) fitAccelerators(i *api.InstanceTypeInfo) bool {
	count, memory := 0.0, 0.0
	var makers, names []string
	if g := i.GpuInfo; g != nil {
		memory = float64(*g.TotalGpuMemoryInMiB)
		for _, d := range g.Gpus {
			count += float64(*d.Count)
			makers = append(makers, strings.ToLower(*d.Manufacturer))
			names = append(names, strings.ToLower(strings.ReplaceAll(*d.Name, " ", "-")))
		}
	}
	wanted := len(a.AcceleratorManufacturers)+len(a.AcceleratorNames)+len(a.AcceleratorTypes) > 0 || a.AcceleratorTotalMemoryMiB != nil
	if c := a.AcceleratorCount; c != nil {
		if !within(count, c.Min, c.Max) {
			return false
		}
	} else if !wanted {
		return count == 0
	}
	var kinds []string
	if count > 0 {
		kinds = []string{"gpu"}
	}
	return (!wanted || count > 0) && anyOf(kinds, a.AcceleratorTypes) && anyOf(makers, a.AcceleratorManufacturers) && anyOf(names, a.AcceleratorNames) &&
		(a.AcceleratorTotalMemoryMiB == nil || within(memory, a.AcceleratorTotalMemoryMiB.Min, a.AcceleratorTotalMemoryMiB.Max))
}

func (a *attributes) fitBandwidth(i *api.InstanceTypeInfo) bool {
	disk, net := 0.0, 0.0
	if e := i.EbsInfo.EbsOptimizedInfo; e != nil {
		disk = float64(*e.BaselineBandwidthInMbps)
	}
	for _, n := range i.NetworkInfo.NetworkCards {
		net += cloud.Or(n.BaselineBandwidthInGbps, 0)
	}
	return (a.BaselineEbsBandwidthMbps == nil || within(disk, a.BaselineEbsBandwidthMbps.Min, a.BaselineEbsBandwidthMbps.Max)) &&
		(a.NetworkBandwidthGbps == nil || within(net, a.NetworkBandwidthGbps.Min, a.NetworkBandwidthGbps.Max))
}

// within tells whether a value lies between bounds that may be missing.
func within[N int32 | float64](v float64, least, most *N) bool {
	return (least == nil || v >= float64(*least)) && (most == nil || v <= float64(*most))
}

// presence judges a quality that may be "included", "required" or, unless
// somebody says otherwise, is "excluded".
func presence(want *string, has bool) bool {
	switch cloud.Or(want, "excluded") {
	case "required":
		return has
	case "included":
		return true
	}
	return !has
}

// named tells whether a type matches one of the patterns: "m5.8xlarge",
// "c5*.*", "r*".
func named(name string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, name)
		return err == nil && ok
	})
}

func allowed(v string, list []string) bool { return len(list) == 0 || slices.Contains(list, v) }

func anyOf(have, list []string) bool {
	return len(list) == 0 || slices.ContainsFunc(have, func(v string) bool { return slices.Contains(list, v) })
}

func getInstanceTypesFromInstanceRequirements(_ *cloud.Call, _ store.Reader, in *api.GetInstanceTypesFromInstanceRequirementsInput) (*api.GetInstanceTypesFromInstanceRequirementsOutput, error) {
	a, err := attributesOf(&in.InstanceRequirements)
	if err != nil {
		return nil, err
	}
	a.architectures, a.virtualization = in.ArchitectureTypes, in.VirtualizationTypes
	list := a.types()
	if t := cloud.Or(in.NextToken, ""); t != "" {
		after, ok := store.ReadCursor(t)
		if !ok {
			return nil, resource.Errorf("InvalidParameterValue", "Value (%s) for parameter nextToken is invalid.", t)
		}
		at, _ := slices.BinarySearch(list, string(after)+"\x00")
		list = list[at:]
	}
	out := &api.GetInstanceTypesFromInstanceRequirementsOutput{InstanceTypes: []api.InstanceTypeInfoFromInstanceRequirements{}}
	if n := int(cloud.Or(in.MaxResults, 0)); n > 0 && n < len(list) {
		list = list[:n]
		out.NextToken = new(store.Cursor([]byte(list[n-1])))
	}
	for _, name := range list {
		out.InstanceTypes = append(out.InstanceTypes, api.InstanceTypeInfoFromInstanceRequirements{InstanceType: &name})
	}
	return out, nil
}
