package instance

import (
	"slices"
	"strings"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/ebs"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

// book is what one request has looked up already, for all the instances that
// it shows. Nothing in it outlives the request's snapshot.
type book struct {
	c *cloud.Call
	r store.Reader
	// disks are all attached volumes by instance; nil until many are needed.
	disks  map[string][]ebs.Placed
	many   bool
	groups map[string]api.GroupIdentifier
	names  map[string]bool // whether a VPC gives public names
}

func newBook(c *cloud.Call, r store.Reader) *book {
	return &book{c: c, r: r, groups: map[string]api.GroupIdentifier{}, names: map[string]bool{}}
}

// attached are the volumes of an instance by device.
func (b *book) attached(instance string) []ebs.Placed {
	if !b.many {
		return ebs.Attachments(b.c, b.r, instance)
	}
	if b.disks == nil {
		b.disks = map[string][]ebs.Placed{}
		for v := range ebs.Attached(b.c, b.r) {
			for _, a := range v.Attachments {
				b.disks[a.Instance] = append(b.disks[a.Instance], ebs.Placed{Volume: v.ID, Attachment: a})
			}
		}
		for _, list := range b.disks {
			slices.SortFunc(list, func(x, y ebs.Placed) int { return strings.Compare(x.Device, y.Device) })
		}
	}
	return b.disks[instance]
}

// group is a security group with its name; one that is gone keeps its id.
func (b *book) group(id string) api.GroupIdentifier {
	g, ok := b.groups[id]
	if !ok {
		name := ""
		if found, err := vpc.FindGroup(b.c, b.r, id); err == nil {
			name = found.Name
		}
		g = api.GroupIdentifier{GroupId: &id, GroupName: &name}
		b.groups[id] = g
	}
	return g
}

// publicNames tells whether instances of a VPC have public names.
func (b *book) publicNames(id string) bool {
	yes, ok := b.names[id]
	if !ok {
		net, err := vpc.FindVPC(b.c, b.r, id)
		yes = err == nil && net.DNSHostnames
		b.names[id] = yes
	}
	return yes
}
