package instance

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/ebs"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

// view is an instance with what belongs to it, read when it is needed.
type view struct {
	*Instance
	room *Room
	*book

	interfaces []*vpc.Interface
	disks      []ebs.Placed
	read       struct{ interfaces, disks bool }
}

// nics are the instance's interfaces by their index.
func (v *view) nics() []*vpc.Interface {
	if !v.read.interfaces {
		v.interfaces, v.read.interfaces = vpc.InterfacesOf(v.c, v.r, v.ID), true
	}
	return v.interfaces
}

// attached are the instance's volumes by device.
func (v *view) attached() []ebs.Placed {
	if !v.read.disks {
		v.disks, v.read.disks = v.book.attached(v.ID), true
	}
	return v.disks
}

// primary is the primary interface; nil for an instance that is terminated.
func (v *view) primary() *vpc.Interface {
	if list := v.nics(); len(list) > 0 {
		return list[0]
	}
	return nil
}

// firstAddress is the primary address of the primary interface.
func (v *view) firstAddress() (a vpc.PrivateAddress, ok bool) {
	if p := v.primary(); p != nil && len(p.Addresses) > 0 {
		return p.Addresses[0], true
	}
	return a, false
}

// privateDNS is the instance's private name; "" once it has none.
func (v *view) privateDNS() string {
	if p := v.primary(); p == nil {
		return ""
	}
	a, _ := v.firstAddress()
	return v.privateName(a.Private)
}

// publicDNS is the instance's public name; VPCs without DNS hostnames have none.
func (v *view) publicDNS() string {
	a, ok := v.firstAddress()
	if !ok || !a.Public.IsValid() || !v.publicNames(v.VPC) {
		return ""
	}
	return publicName(v.Region, a.Public)
}

// describeInstances lists instances, grouped into the reservations that they
// were launched in.
func (s *Room) describeInstances(c *cloud.Call, r store.Reader, in *api.DescribeInstancesInput) (*api.DescribeInstancesOutput, error) {
	for _, id := range in.InstanceIds {
		if err := checkID(id); err != nil {
			return nil, err
		}
	}
	q := resource.Query{IDs: in.InstanceIds, Set: "instancesSet", Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, NotFound: errNoInstance}
	if len(in.InstanceIds) > 1 {
		if _, err := findAll(c, r, in.InstanceIds); err != nil {
			return nil, err
		}
	}
	page, next, err := resource.List(c, r, q, s.views(c, r, in.InstanceIds), func(v *view) string { return v.ID }, instanceFields)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeInstancesOutput{NextToken: next, Reservations: []api.Reservation{}}
	at := map[string]int{}
	for _, v := range page {
		n, ok := at[v.Reservation]
		if !ok {
			n = len(out.Reservations)
			at[v.Reservation] = n
			out.Reservations = append(out.Reservations, api.Reservation{OwnerId: &v.Account, ReservationId: &v.Reservation, Groups: []api.GroupIdentifier{}})
		}
		out.Reservations[n].Instances = append(out.Reservations[n].Instances, v.api())
	}
	return out, nil
}

// views yields the account's instances, or those of some ids.
func (s *Room) views(c *cloud.Call, r store.Reader, ids []string) func(yield func(*view) bool) {
	return func(yield func(*view) bool) {
		b := newBook(c, r)
		if len(ids) > 0 {
			for _, id := range ids {
				if i, ok := instances.Get(r, c.Account, c.Region, id); ok && !yield(&view{Instance: i, book: b, room: s}) {
					return
				}
			}
			return
		}
		b.many = true
		for i := range instances.Scan(r, c.Account, c.Region) {
			if !yield(&view{Instance: i, book: b, room: s}) {
				return
			}
		}
	}
}

// groupNames are groups with their names; one that is gone keeps its id.
func (v *view) groupNames(ids []string) []api.GroupIdentifier {
	out := make([]api.GroupIdentifier, 0, len(ids))
	for _, id := range ids {
		out = append(out, v.group(id))
	}
	return out
}

// groupOf is the placement group of the instance; nil for none.
func (v *view) groupOf() *placementGroup {
	if v.Placement.Group == "" {
		return nil
	}
	g, err := findPlacementGroup(v.c, v.r, v.Placement.Group, "")
	if err != nil {
		return nil
	}
	return g
}

// platformDetails is what the bill names the platform.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/billing-info-fields.html
func (i *Instance) platformDetails() (details, operation string) {
	if i.Windows() {
		return "Windows", "RunInstances:0002"
	}
	return "Linux/UNIX", "RunInstances"
}
