package instance

import (
	"net/netip"
	"strconv"

	api "pileus/api/ec2"
	"pileus/identity"
	"pileus/service/ec2/ebs"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
)

func one(f func(*view) string) func(*view) []string {
	return func(v *view) []string { return some1(f(v)) }
}

// some1 is a list of a value, empty where there is none.
func some1(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func each[T any](list func(*view) []T, f func(T) string) func(*view) []string {
	return func(v *view) (out []string) {
		for _, e := range list(v) {
			out = append(out, some1(f(e))...)
		}
		return out
	}
}

func nic(f func(*vpc.Interface) string) func(*view) []string { return each((*view).nics, f) }

func disk(f func(ebs.Placed) string) func(*view) []string { return each((*view).attached, f) }

// addresses are all private addresses of all interfaces.
func (v *view) addresses() (list []vpc.PrivateAddress) {
	for _, n := range v.nics() {
		list = append(list, n.Addresses...)
	}
	return list
}

func address(f func(vpc.PrivateAddress) string) func(*view) []string {
	return each((*view).addresses, f)
}

func publicOf(a vpc.PrivateAddress) string {
	if !a.Public.IsValid() {
		return ""
	}
	return a.Public.String()
}

// groups are the instance's security groups: ids and names.
func (v *view) groups(name bool, list []*vpc.Interface) (out []string) {
	for _, n := range list {
		for _, g := range v.groupNames(n.Groups) {
			if name {
				out = append(out, *g.GroupName)
			} else {
				out = append(out, *g.GroupId)
			}
		}
	}
	return out
}

func (v *view) first() []*vpc.Interface {
	if p := v.primary(); p != nil {
		return []*vpc.Interface{p}
	}
	return nil
}

func attachment(f func(*vpc.Attachment) string) func(*view) []string {
	return nic(func(n *vpc.Interface) string {
		if n.Attachment == nil {
			return ""
		}
		return f(n.Attachment)
	})
}

func yes(b bool) string { return strconv.FormatBool(b) }

// instanceFields are the filters of DescribeInstances.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html
var instanceFields = merged(plainFields, networkFields, interfaceFields, absentFields, diskFields)

func merged(list ...resource.Fields[view]) resource.Fields[view] {
	out := resource.Fields[view]{}
	for _, fields := range list {
		for name, f := range fields {
			out[name] = f
		}
	}
	return out
}

var plainFields = resource.Fields[view]{
	"affinity":                            one(func(v *view) string { return v.Placement.Affinity }),
	"architecture":                        one(func(v *view) string { return v.Architecture }),
	"availability-zone":                   one(func(v *view) string { return v.Zone }),
	"availability-zone-id":                one(func(v *view) string { return deref(resource.ZoneID(v.Zone)) }),
	"boot-mode":                           one(func(v *view) string { return string(v.Boots.Firmware) }),
	"capacity-reservation-id":             one(func(v *view) string { return v.CapacityReservation }),
	"client-token":                        one(func(v *view) string { return v.Token }),
	"current-instance-boot-mode":          one(func(v *view) string { return v.bootMode() }),
	"ebs-optimized":                       one(func(v *view) string { return yes(v.EBSOptimized) }),
	"ena-support":                         one(func(v *view) string { return yes(!v.NoENA) }),
	"enclave-options.enabled":             one(func(v *view) string { return yes(v.Enclave) }),
	"hibernation-options.configured":      one(func(v *view) string { return yes(v.Hibernation) }),
	"host-id":                             one(func(v *view) string { return v.Placement.Host }),
	"hypervisor":                          one((*view).hypervisor),
	"iam-instance-profile.arn":            profileField(func(p *Profile) string { return p.ARN }),
	"iam-instance-profile.id":             profileField(func(p *Profile) string { return p.ID }),
	"iam-instance-profile.name":           profileField(func(p *Profile) string { return p.Name }),
	"image-id":                            one(func(v *view) string { return v.Image }),
	"instance-id":                         one(func(v *view) string { return v.ID }),
	"instance-lifecycle":                  one(func(v *view) string { return v.LifeCycle }),
	"instance-state-code":                 one(func(v *view) string { return strconv.Itoa(int(v.State)) }),
	"instance-state-name":                 one(func(v *view) string { return v.State.String() }),
	"instance-type":                       one(func(v *view) string { return v.Type }),
	"kernel-id":                           one(func(*view) string { return "" }),
	"key-name":                            one(func(v *view) string { return v.KeyName }),
	"launch-index":                        one(func(v *view) string { return strconv.Itoa(v.LaunchIndex) }),
	"launch-time":                         one(func(v *view) string { return stampOf(v.Launched) }),
	"maintenance-options.auto-recovery":   one(func(v *view) string { return v.recovery() }),
	"metadata-options.http-endpoint":      one(func(v *view) string { return v.Metadata.Endpoint }),
	"metadata-options.http-protocol-ipv4": one(func(*view) string { return "enabled" }),
	"metadata-options.http-protocol-ipv6": one(func(v *view) string { return v.Metadata.IPv6 }),
	"metadata-options.http-put-response-hop-limit": one(func(v *view) string { return strconv.Itoa(int(v.Metadata.HopLimit)) }),
	"metadata-options.state":                       one(func(*view) string { return api.InstanceMetadataOptionsStateApplied }),
	"operator.managed":                             one(func(*view) string { return yes(false) }),
	"metadata-options.http-tokens":                 one(func(v *view) string { return v.Metadata.Tokens }),
	"metadata-options.instance-metadata-tags":      one(func(v *view) string { return v.Metadata.Tags }),
	"monitoring-state":                             one(func(v *view) string { return v.monitoring() }),
	"outpost-arn":                                  one(func(*view) string { return "" }),
	"owner-id":                                     one(func(v *view) string { return v.Account }),
	"placement-group-name":                         one(func(v *view) string { return v.groupOf().name() }),
	"placement-partition-number":                   one(func(v *view) string { return positiveText(int(v.Placement.Partition)) }),
	"platform":                                     one(func(v *view) string { return v.Boots.Platform }),
	"platform-details":                             one(func(v *view) string { d, _ := v.platformDetails(); return d }),
	"private-dns-name-options.enable-resource-name-dns-a-record":    one(func(v *view) string { return yes(v.NameA) }),
	"private-dns-name-options.enable-resource-name-dns-aaaa-record": one(func(v *view) string { return yes(v.NameAAAA) }),
	"private-dns-name-options.hostname-type":                        one(func(v *view) string { return v.NameType }),
	"product-code":                                                  one(func(*view) string { return "" }),
	"product-code.type":                                             one(func(*view) string { return "" }),
	"ramdisk-id":                                                    one(func(*view) string { return "" }),
	"reason":                                                        one(func(v *view) string { return v.Reason }),
	"requester-id":                                                  one(func(*view) string { return "" }),
	"reservation-id":                                                one(func(v *view) string { return v.Reservation }),
	"root-device-name":                                              one(func(v *view) string { return v.RootDevice }),
	"root-device-type":                                              one(func(*view) string { return "ebs" }),
	"spot-instance-request-id":                                      one(func(v *view) string { return v.SpotRequest }),
	"state-reason-code":                                             one(func(v *view) string { return v.Why.Code }),
	"state-reason-message":                                          one(func(v *view) string { return v.Why.Message }),
	"tenancy":                                                       one(func(v *view) string { return v.Placement.Tenancy }),
	"tpm-support":                                                   one(func(v *view) string { return deref(v.api().TpmSupport) }),
	"usage-operation":                                               one(func(v *view) string { _, o := v.platformDetails(); return o }),
	"usage-operation-update-time":                                   one(func(v *view) string { return stampOf(v.Launched) }),
	"virtualization-type":                                           one(func(*view) string { return "hvm" }),
	"capacity-reservation-specification.capacity-reservation-preference":                     one(func(v *view) string { return deref(v.capacity().CapacityReservationPreference) }),
	"capacity-reservation-specification.capacity-reservation-target.capacity-reservation-id": one(func(v *view) string { return v.CapacityTarget }),
}

func deref(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func (g *placementGroup) name() string {
	if g == nil {
		return ""
	}
	return g.Name
}

func positiveText(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func profileField(f func(*Profile) string) func(*view) []string {
	return one(func(v *view) string {
		if v.Profile == nil {
			return ""
		}
		return f(v.Profile)
	})
}

var networkFields = resource.Fields[view]{
	"dns-name":            one((*view).publicDNS),
	"instance.group-id":   func(v *view) []string { return v.groups(false, v.first()) },
	"instance.group-name": func(v *view) []string { return v.groups(true, v.first()) },
	"group-id":            func(v *view) []string { return v.groups(false, v.first()) },
	"group-name":          func(v *view) []string { return v.groups(true, v.first()) },
	"ip-address":          one(func(v *view) string { a, _ := v.firstAddress(); return publicOf(a) }),
	"ipv6-address":        func(v *view) []string { return v.ipv6() },
	"private-dns-name":    one((*view).privateDNS),
	"private-ip-address": one(func(v *view) string {
		if a, ok := v.firstAddress(); ok {
			return a.Private.String()
		}
		return ""
	}),
	"source-dest-check": one(func(v *view) string { p := v.primary(); return yes(p != nil && p.SourceCheck) }),
	"subnet-id":         one(func(v *view) string { return v.Subnet }),
	"vpc-id":            one(func(v *view) string { return v.VPC }),

	"network-interface.addresses.association.allocation-id":  address(func(a vpc.PrivateAddress) string { return a.Allocation }),
	"network-interface.addresses.association.association-id": address(func(a vpc.PrivateAddress) string { return a.Association }),
	"network-interface.addresses.association.ip-owner-id":    address(func(a vpc.PrivateAddress) string { return a.Owner }),
	"network-interface.addresses.association.public-ip":      address(publicOf),
	"network-interface.addresses.primary": func(v *view) (out []string) {
		for _, n := range v.nics() {
			for k := range n.Addresses {
				out = append(out, yes(k == 0))
			}
		}
		return out
	},
	"network-interface.addresses.private-ip-address":     address(func(a vpc.PrivateAddress) string { return a.Private.String() }),
	"network-interface.association.allocation-id":        address(func(a vpc.PrivateAddress) string { return a.Allocation }),
	"network-interface.association.association-id":       address(func(a vpc.PrivateAddress) string { return a.Association }),
	"network-interface.association.ip-owner-id":          address(func(a vpc.PrivateAddress) string { return a.Owner }),
	"network-interface.association.public-ip":            address(publicOf),
	"network-interface.attachment.attach-time":           attachment(func(a *vpc.Attachment) string { return stampOf(a.At) }),
	"network-interface.attachment.attachment-id":         attachment(func(a *vpc.Attachment) string { return a.ID }),
	"network-interface.attachment.delete-on-termination": attachment(func(a *vpc.Attachment) string { return yes(a.DeleteOnTermination) }),
	"network-interface.attachment.device-index":          attachment(func(a *vpc.Attachment) string { return strconv.Itoa(a.Index) }),
	"network-interface.attachment.instance-id":           attachment(func(a *vpc.Attachment) string { return a.Instance }),
	"network-interface.attachment.instance-owner-id":     attachment(func(a *vpc.Attachment) string { return a.Owner }),
	"network-interface.attachment.status":                attachment(func(*vpc.Attachment) string { return "attached" }),
	"network-interface.availability-zone":                nic(func(n *vpc.Interface) string { return n.Zone }),
	"network-interface.description":                      nic(func(n *vpc.Interface) string { return n.Description }),
	"network-interface.group-id":                         func(v *view) []string { return v.groups(false, v.nics()) },
	"network-interface.group-name":                       func(v *view) []string { return v.groups(true, v.nics()) },
	"network-interface.ipv6-addresses.ipv6-address":      func(v *view) []string { return v.ipv6() },
	"network-interface.mac-address":                      nic(func(n *vpc.Interface) string { return n.MAC }),
	"network-interface.network-interface-id":             nic(func(n *vpc.Interface) string { return n.ID }),
	"network-interface.owner-id":                         nic(func(n *vpc.Interface) string { return n.Account }),
	"network-interface.private-dns-name":                 (*view).privateAddressNames,
	"network-interface.requester-id":                     nic(func(n *vpc.Interface) string { return n.Requester }),
	"network-interface.requester-managed":                nic(func(n *vpc.Interface) string { return yes(n.Requester != "") }),
	"network-interface.source-dest-check":                nic(func(n *vpc.Interface) string { return yes(n.SourceCheck) }),
	"network-interface.status":                           nic(func(*vpc.Interface) string { return "in-use" }),
	"network-interface.subnet-id":                        nic(func(n *vpc.Interface) string { return n.Subnet }),
	"network-interface.vpc-id":                           nic(func(n *vpc.Interface) string { return n.VPC }),
}

// interfaceFields are more of those on interfaces and their addresses.
var interfaceFields = resource.Fields[view]{
	"network-interface.addresses.association.public-dns-name": (*view).publicAddressNames,
	"network-interface.association.public-dns-name":           (*view).publicAddressNames,
	"network-interface.public-dns-name":                       (*view).publicAddressNames,
	"network-interface.addresses.private-dns-name":            (*view).privateAddressNames,
	"network-interface.private-ip-address":                    address(func(a vpc.PrivateAddress) string { return a.Private.String() }),
	"network-interface.attachment.network-card-index":         attachment(func(a *vpc.Attachment) string { return strconv.Itoa(a.Card) }),
	"network-interface.ipv6-address":                          func(v *view) []string { return v.ipv6() },
	"network-interface.ipv6-addresses.is-primary-ipv6": func(v *view) (out []string) {
		for _, n := range v.nics() {
			for k := range n.IPv6 {
				out = append(out, yes(k == 0 && n.PrimaryIPv6))
			}
		}
		return out
	},
	"network-interface.ipv6-native":               nic(func(n *vpc.Interface) string { return yes(len(n.Addresses) == 0) }),
	"network-interface.ipv4-prefixes.ipv4-prefix": delegated(func(n *vpc.Interface) []netip.Prefix { return n.Prefixes }),
	"network-interface.ipv6-prefixes.ipv6-prefix": delegated(func(n *vpc.Interface) []netip.Prefix { return n.IPv6Prefixes }),
	"network-interface.operator.managed":          nic(func(*vpc.Interface) string { return yes(false) }),
	"network-interface.deny-all-igw-traffic":      nic(func(*vpc.Interface) string { return yes(false) }),
	"network-interface.tag-key":                   tagged(func(t identity.Tag) string { return t.Key }),
	"network-interface.tag-value":                 tagged(func(t identity.Tag) string { return t.Value }),
}

// absentFields are those on what no instance has here: nothing passes them.
var absentFields = resource.Fields[view]{
	"network-interface.addresses.association.carrier-ip":        absent,
	"network-interface.addresses.association.customer-owned-ip": absent,
	"network-interface.association.carrier-ip":                  absent,
	"network-interface.association.customer-owned-ip":           absent,
	"network-interface.operator.principal":                      absent,
	"network-interface.outpost-arn":                             absent,
	"network-performance-options.bandwidth-weighting":           one(func(*view) string { return "default" }),
	"operator.principal":                                        absent,
	"capacity-reservation-specification.capacity-reservation-target.capacity-reservation-resource-group-arn": absent,
}

func absent(*view) []string { return nil }

// publicAddressNames are the DNS names of all public addresses.
func (v *view) publicAddressNames() (out []string) {
	if !v.publicNames(v.VPC) {
		return nil
	}
	for _, a := range v.addresses() {
		if a.Public.IsValid() {
			out = append(out, publicName(v.Region, a.Public))
		}
	}
	return out
}

// privateAddressNames are the DNS names of all private addresses.
func (v *view) privateAddressNames() (out []string) {
	for _, a := range v.addresses() {
		out = append(out, addressName(v.Region, a.Private))
	}
	return out
}

func delegated(f func(*vpc.Interface) []netip.Prefix) func(*view) []string {
	return func(v *view) (out []string) {
		for _, n := range v.nics() {
			for _, p := range f(n) {
				out = append(out, p.String())
			}
		}
		return out
	}
}

// tagged are the keys or values of the tags of all interfaces.
func tagged(f func(identity.Tag) string) func(*view) []string {
	return func(v *view) (out []string) {
		for _, n := range v.nics() {
			for _, t := range resource.Tags(v.c, v.r, n.ID) {
				out = append(out, f(t))
			}
		}
		return out
	}
}

func (v *view) ipv6() (out []string) {
	for _, n := range v.nics() {
		out = append(out, addrs(n.IPv6)...)
	}
	return out
}

var diskFields = resource.Fields[view]{
	"block-device-mapping.attach-time":           disk(func(a ebs.Placed) string { return stampOf(a.At) }),
	"block-device-mapping.delete-on-termination": disk(func(a ebs.Placed) string { return yes(a.DeleteOnTermination) }),
	"block-device-mapping.device-name":           disk(func(a ebs.Placed) string { return a.Device }),
	"block-device-mapping.status":                disk(func(a ebs.Placed) string { return a.State }),
	"block-device-mapping.volume-id":             disk(func(a ebs.Placed) string { return a.Volume }),
}
