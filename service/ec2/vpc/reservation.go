package vpc

import (
	"net/netip"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Reservation is a part of a subnet that is not given out by itself.
type Reservation struct {
	Account, Region, ID string
	Subnet              string
	CIDR                netip.Prefix
	Kind, Description   string // Kind is "prefix" or "explicit"
}

var reserved = &store.Table[Reservation]{
	Name:    "ec2.reservation",
	Key:     func(v *Reservation) store.Key { return keyOf(v.Account, v.Region, v.ID) },
	Indexes: map[string]func(*Reservation) store.Key{"subnet": func(v *Reservation) store.Key { return keyOf(v.Account, v.Region, v.Subnet) }},
}

// reservations are the ranges of a subnet from which no address is picked.
func reservations(c *cloud.Call, r store.Reader, subnet string) (list []netip.Prefix) {
	for v := range reserved.Index(r, "subnet", c.Account, c.Region, subnet) {
		list = append(list, v.CIDR)
	}
	return list
}

var noReservation = func(id string) *cloud.Error {
	return resource.Errorf("InvalidSubnetCidrReservationID.NotFound", "The subnet CIDR reservation ID '%s' does not exist", id)
}

func createSubnetCidrReservation(c *cloud.Call, tx store.Tx, in *api.CreateSubnetCidrReservationInput) (*api.CreateSubnetCidrReservationOutput, error) {
	tags, err := tagsFor(in.TagSpecifications, "subnet-cidr-reservation")
	if err != nil {
		return nil, err
	}
	s, err := FindSubnet(c, tx, in.SubnetId)
	if err != nil {
		return nil, err
	}
	if in.ReservationType != "prefix" && in.ReservationType != "explicit" {
		return nil, resource.Invalid(in.ReservationType, "ReservationType")
	}
	p, err := parseCIDR(in.Cidr, "Cidr")
	if err != nil {
		return nil, err
	}
	within := s.CIDR.IsValid() && s.CIDR.Contains(p.Addr()) && p.Bits() >= s.CIDR.Bits()
	for _, b := range s.IPv6 {
		within = within || b.Prefix.Contains(p.Addr()) && p.Bits() >= b.Prefix.Bits()
	}
	if !within {
		return nil, resource.Errorf("InvalidParameterValue", "The CIDR '%s' is not within the subnet '%s'.", p, s.ID)
	}
	for _, o := range reservations(c, tx, s.ID) {
		if o.Overlaps(p) {
			return nil, resource.Errorf("InvalidCidrReservation.Conflict", "The CIDR '%s' conflicts with another reservation of the subnet.", p)
		}
	}
	v := &Reservation{
		Account: c.Account, Region: c.Region, ID: resource.NewID(c, "scr"), Subnet: s.ID, CIDR: p,
		Kind: in.ReservationType, Description: cloud.Or(in.Description, ""),
	}
	reserved.Put(tx, v)
	resource.Register(c, tx, "subnet-cidr-reservation", v.ID, tags)
	return &api.CreateSubnetCidrReservationOutput{SubnetCidrReservation: v.api(c, tx)}, nil
}

func (v *Reservation) api(c *cloud.Call, r store.Reader) *api.SubnetCidrReservation {
	return &api.SubnetCidrReservation{
		SubnetCidrReservationId: &v.ID, SubnetId: &v.Subnet, Cidr: new(v.CIDR.String()), ReservationType: &v.Kind, OwnerId: &v.Account,
		Description: text(v.Description), Tags: resource.APITags(resource.Tags(c, r, v.ID)),
	}
}

func deleteSubnetCidrReservation(c *cloud.Call, tx store.Tx, in *api.DeleteSubnetCidrReservationInput) (*api.DeleteSubnetCidrReservationOutput, error) {
	v, err := find(c, tx, reserved, in.SubnetCidrReservationId, noReservation)
	if err != nil {
		return nil, err
	}
	out := v.api(c, tx)
	reserved.Delete(tx, c.Account, c.Region, v.ID)
	resource.Unregister(c, tx, v.ID)
	return &api.DeleteSubnetCidrReservationOutput{DeletedSubnetCidrReservation: out}, nil
}

func getSubnetCidrReservations(c *cloud.Call, r store.Reader, in *api.GetSubnetCidrReservationsInput) (*api.GetSubnetCidrReservationsOutput, error) {
	s, err := FindSubnet(c, r, in.SubnetId)
	if err != nil {
		return nil, err
	}
	list, next, err := resource.List(c, r, resource.Query{Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken},
		reserved.Index(r, "subnet", c.Account, c.Region, s.ID), func(v *Reservation) string { return v.ID },
		resource.Fields[Reservation]{
			"reservationType": resource.One(func(v *Reservation) string { return v.Kind }),
			"subnet-id":       resource.One(func(v *Reservation) string { return v.Subnet }),
		})
	if err != nil {
		return nil, err
	}
	out := &api.GetSubnetCidrReservationsOutput{NextToken: next, SubnetIpv4CidrReservations: []api.SubnetCidrReservation{}, SubnetIpv6CidrReservations: []api.SubnetCidrReservation{}}
	for _, v := range list {
		if v.CIDR.Addr().Is4() {
			out.SubnetIpv4CidrReservations = append(out.SubnetIpv4CidrReservations, *v.api(c, r))
		} else {
			out.SubnetIpv6CidrReservations = append(out.SubnetIpv6CidrReservations, *v.api(c, r))
		}
	}
	return out, nil
}
