package reserve

import (
	"strings"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/region"
	"pileus/service/ec2/instance"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const hostKind = "dedicated-host"

// host is a dedicated host: for one instance type, or for a family.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/dedicated-hosts-overview.html
type host struct {
	Account, Region, ID string
	Type, Family        string // one of them; a family's hosts take several types
	Zone                string
	Auto                bool   // AutoPlacement
	State               string // "available", "released"
	Recovery            string // "on", "off"
	Maintenance         string
	Token               string
	Allocated, Released time.Time
	Reservation         string // hr-
}

var hosts = &store.Table[host]{
	Name: "ec2.host",
	Key:  func(h *host) store.Key { return store.K(h.Account, h.Region, h.ID) },
}

func errNoHost(id string) *cloud.Error {
	if !resource.WellFormed("h", id) {
		return resource.Errorf("InvalidHostId.Malformed", "The host ID '%s' is malformed", id)
	}
	return resource.Errorf("InvalidHostId.NotFound", "The host ID '%s' does not exist", id)
}

func findHost(c *cloud.Call, r store.Reader, id string) (*host, error) {
	if h, ok := hosts.Get(r, c.Account, c.Region, id); ok && h.State == "available" {
		return h, nil
	}
	return nil, errNoHost(id)
}

// familyOf is the part of a type's name before the dot.
func familyOf(kind string) string {
	family, _, _ := strings.Cut(kind, ".")
	return family
}

func (h *host) family() string {
	if h.Family != "" {
		return h.Family
	}
	return familyOf(h.Type)
}

// largest is the type that fills a host of a family; "" where there are no
// dedicated hosts for it.
func largest(family string) string {
	best, most := "", 0
	for name := range instance.Types() {
		if !strings.HasPrefix(name, family+".") {
			continue
		}
		t, _ := instance.FindType(name)
		info := t.Info()
		if *info.DedicatedHostsSupported && t.VCPUs > most || best != "" && t.VCPUs == most && strings.Contains(best, ".metal") {
			best, most = name, t.VCPUs
		}
	}
	return best
}

// types are those that the host takes.
func (h *host) types() (list []string) {
	if h.Type != "" {
		return []string{h.Type}
	}
	for name := range instance.Types() {
		if t, _ := instance.FindType(name); strings.HasPrefix(name, h.Family+".") && *t.Info().DedicatedHostsSupported {
			list = append(list, name)
		}
	}
	return list
}

func vcpus(kind string) int {
	t, ok := instance.FindType(kind)
	if !ok {
		return 0
	}
	return t.VCPUs
}

func (h *host) vcpus() int { return vcpus(largest(h.family())) }

// guests are the instances on the host that take up its capacity.
func (h *host) guests(r store.Reader) (list []*instance.Instance) {
	for i := range instance.All(r, h.Account, h.Region) {
		if i.Placement.Host == h.ID && uses(i) {
			list = append(list, i)
		}
	}
	return list
}

// free is how many vCPUs the host has left, but for one instance.
func (h *host) free(r store.Reader, but string) int {
	n := h.vcpus()
	for _, i := range h.guests(r) {
		if i.ID != but {
			n -= vcpus(i.Type)
		}
	}
	return n
}

func allocateHosts(c *cloud.Call, tx store.Tx, in *api.AllocateHostsInput) (*api.AllocateHostsOutput, error) {
	return resource.Once(c, tx, "AllocateHosts", in.ClientToken, in, func() (*api.AllocateHostsOutput, error) {
		if err := resource.OnlyTags(in.TagSpecifications, hostKind); err != nil {
			return nil, err
		}
		tags, err := resource.SpecifiedTags(in.TagSpecifications, hostKind)
		if err != nil {
			return nil, err
		}
		zone, err := zoneOf(c, in.AvailabilityZone, in.AvailabilityZoneId)
		if err != nil {
			return nil, err
		}
		first := &host{
			Account: c.Account, Region: c.Region, Type: cloud.Or(in.InstanceType, ""), Family: cloud.Or(in.InstanceFamily, ""), Zone: zone,
			Auto: cloud.Or(in.AutoPlacement, "on") == "on", State: "available", Recovery: cloud.Or(in.HostRecovery, "off"),
			Maintenance: cloud.Or(in.HostMaintenance, "on"), Token: cloud.Or(in.ClientToken, ""), Allocated: c.Now,
		}
		if err := first.check(); err != nil {
			return nil, err
		}
		count := cloud.Or(in.Quantity, 1)
		if count < 1 || count > 100 {
			return nil, resource.Errorf("InvalidParameterValue", "Value (%d) for parameter quantity is invalid.", count)
		}
		out := &api.AllocateHostsOutput{}
		for range count {
			h := new(*first)
			h.ID = resource.NewID(c, "h")
			hosts.Put(tx, h)
			resource.Register(c, tx, hostKind, h.ID, tags)
			out.HostIds = append(out.HostIds, h.ID)
		}
		return out, nil
	})
}

func (h *host) check() error {
	switch {
	case (h.Type == "") == (h.Family == ""):
		return resource.Combination("Exactly one of InstanceType and InstanceFamily must be specified.")
	case largest(h.family()) == "":
		return resource.Errorf("InvalidParameterValue", "Dedicated Hosts are not available for '%s%s'.", h.Type, h.Family)
	}
	if h.Type != "" {
		if t, ok := instance.FindType(h.Type); !ok || !*t.Info().DedicatedHostsSupported {
			return resource.Errorf("InvalidParameterValue", "Dedicated Hosts are not available for '%s'.", h.Type)
		}
	}
	for _, v := range []string{h.Recovery, h.Maintenance} {
		if v != "on" && v != "off" {
			return resource.Invalid(v, "HostRecovery")
		}
	}
	return nil
}

func unsuccessful(id string, e *cloud.Error) api.UnsuccessfulItem {
	return api.UnsuccessfulItem{ResourceId: &id, Error: &api.UnsuccessfulItemError{Code: &e.Code, Message: &e.Message}}
}

func modifyHosts(c *cloud.Call, tx store.Tx, in *api.ModifyHostsInput) (*api.ModifyHostsOutput, error) {
	out := &api.ModifyHostsOutput{Successful: []string{}, Unsuccessful: []api.UnsuccessfulItem{}}
	for _, id := range in.HostIds {
		found, err := findHost(c, tx, id)
		if err != nil {
			out.Unsuccessful = append(out.Unsuccessful, unsuccessful(id, errNoHost(id)))
			continue
		}
		h := new(*found)
		h.Auto = cloud.Or(in.AutoPlacement, map[bool]string{true: "on", false: "off"}[h.Auto]) == "on"
		h.Recovery, h.Maintenance = cloud.Or(in.HostRecovery, h.Recovery), cloud.Or(in.HostMaintenance, h.Maintenance)
		if in.InstanceType != nil || in.InstanceFamily != nil {
			h.Type, h.Family = cloud.Or(in.InstanceType, ""), cloud.Or(in.InstanceFamily, "")
			if h.family() != found.family() || h.Type != "" && len(found.guests(tx)) > 0 {
				e := resource.Errorf("Client.InvalidHost.Occupied", "The types of the Dedicated host '%s' cannot be changed.", id)
				out.Unsuccessful = append(out.Unsuccessful, unsuccessful(id, e))
				continue
			}
		}
		if err := h.check(); err != nil {
			return nil, err
		}
		hosts.Put(tx, h)
		out.Successful = append(out.Successful, id)
	}
	return out, nil
}

// hostsKept is how long a released host can still be described.
const hostsKept = time.Hour

func releaseHosts(c *cloud.Call, tx store.Tx, in *api.ReleaseHostsInput) (*api.ReleaseHostsOutput, error) {
	out := &api.ReleaseHostsOutput{Successful: []string{}, Unsuccessful: []api.UnsuccessfulItem{}}
	for _, id := range in.HostIds {
		found, err := findHost(c, tx, id)
		if err != nil {
			out.Unsuccessful = append(out.Unsuccessful, unsuccessful(id, errNoHost(id)))
			continue
		}
		if found.occupied(tx) {
			e := resource.Errorf("Client.InvalidHost.Occupied", "Dedicated host '%s' cannot be released as it is occupied.", id)
			out.Unsuccessful = append(out.Unsuccessful, unsuccessful(id, e))
			continue
		}
		found.meterRest(c, tx)
		h := new(*found)
		h.State, h.Released = "released", c.Now
		hosts.Put(tx, h)
		resource.Unregister(c, tx, id)
		out.Successful = append(out.Successful, id)
	}
	return out, nil
}

// occupied tells whether instances are on the host, even stopped ones that are
// bound to it.
func (h *host) occupied(r store.Reader) bool {
	for i := range instance.All(r, h.Account, h.Region) {
		if i.Placement.Host == h.ID && (uses(i) || i.State == instance.Stopped && i.Placement.Affinity == "host") {
			return true
		}
	}
	return false
}

func describeHosts(c *cloud.Call, r store.Reader, in *api.DescribeHostsInput) (*api.DescribeHostsOutput, error) {
	q := resource.Query{IDs: in.HostIds, Filters: in.Filter, Max: in.MaxResults, Token: in.NextToken, NotFound: errNoHost}
	all := func(yield func(*host) bool) {
		for h := range hosts.Scan(r, c.Account, c.Region) {
			if (h.State == "available" || c.Now.Before(h.Released.Add(hostsKept))) && !yield(h) {
				return
			}
		}
	}
	page, next, err := resource.List(c, r, q, all, func(h *host) string { return h.ID }, resource.Fields[host]{
		"auto-placement":      resource.One(func(h *host) string { return map[bool]string{true: "on", false: "off"}[h.Auto] }),
		"availability-zone":   resource.One(func(h *host) string { return h.Zone }),
		"client-token":        resource.One(func(h *host) string { return h.Token }),
		"host-reservation-id": resource.One(func(h *host) string { return h.Reservation }),
		"instance-type":       resource.One(func(h *host) string { return h.Type }),
		"state":               resource.One(func(h *host) string { return h.State }),
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeHostsOutput{NextToken: next, Hosts: []api.Host{}}
	for _, h := range page {
		out.Hosts = append(out.Hosts, h.api(c, r))
	}
	return out, nil
}

// api is the host as AWS shows it, with how many instances of each type it
// still has room for.
func (h *host) api(c *cloud.Call, r store.Reader) api.Host {
	z, _ := region.ZoneNamed(h.Zone)
	total, free := h.vcpus(), h.free(r, "")
	cores := int32(total)
	if t, ok := instance.FindType(largest(h.family())); ok {
		cores = *t.Info().VCpuInfo.DefaultCores
	}
	auto := map[bool]string{true: "on", false: "off"}[h.Auto]
	several := map[bool]string{true: "on", false: "off"}[h.Family != ""]
	out := api.Host{
		HostId: &h.ID, AutoPlacement: &auto, AvailabilityZone: &h.Zone, AvailabilityZoneId: &z.ID, ClientToken: optional(h.Token), HostReservationId: optional(h.Reservation),
		State: &h.State, AllocationTime: &h.Allocated, ReleaseTime: moment(h.Released), Tags: resource.APITags(resource.Tags(c, r, h.ID)), HostRecovery: &h.Recovery,
		HostMaintenance: &h.Maintenance, AllowsMultipleInstanceTypes: &several, OwnerId: &h.Account, Instances: []api.HostInstance{},
		HostProperties:    &api.HostProperties{Cores: &cores, Sockets: new(int32(2)), TotalVCpus: new(int32(total)), InstanceType: optional(h.Type), InstanceFamily: optional(h.Family)},
		AvailableCapacity: &api.AvailableCapacity{AvailableVCpus: new(int32(free))},
	}
	for _, name := range h.types() {
		if n := vcpus(name); n > 0 {
			out.AvailableCapacity.AvailableInstanceCapacity = append(out.AvailableCapacity.AvailableInstanceCapacity, api.InstanceCapacity{
				InstanceType: &name, TotalCapacity: new(int32(total / n)), AvailableCapacity: new(int32(free / n)),
			})
		}
	}
	for _, i := range h.guests(r) {
		out.Instances = append(out.Instances, api.HostInstance{InstanceId: &i.ID, InstanceType: &i.Type, OwnerId: &i.Account})
	}
	return out
}

// describeMacHosts lists the hosts that are Macs: there are none.
func describeMacHosts(_ *cloud.Call, _ store.Reader, in *api.DescribeMacHostsInput) (*api.DescribeMacHostsOutput, error) {
	if len(in.HostIds) > 0 {
		return nil, errNoHost(in.HostIds[0])
	}
	return &api.DescribeMacHostsOutput{MacHosts: []api.MacHost{}}, nil
}
