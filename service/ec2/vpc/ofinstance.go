package vpc

import (
	"net/netip"

	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// onlyInterface is a copy of the interface of an instance that has one. With
// more it does not follow which one is meant.
func onlyInterface(c *cloud.Call, r store.Reader, instance string) (*Interface, error) {
	list := InterfacesOf(c, r, instance)
	if len(list) != 1 {
		return nil, resource.Errorf("InvalidInstanceID", "There are multiple interfaces attached to instance '%s'. Please specify an interface ID for the operation instead.", instance)
	}
	return list[0].clone(), nil
}

// SetSourceCheck turns the source/destination check of an instance's interface
// on or off.
func SetSourceCheck(c *cloud.Call, tx store.Tx, instance string, on bool) error {
	i, err := onlyInterface(c, tx, instance)
	if err != nil {
		return err
	}
	i.SourceCheck = on
	interfaces.Put(tx, i)
	touch(c, tx, i.VPC)
	return nil
}

// SetGroups gives an instance's interface other security groups.
func SetGroups(c *cloud.Call, tx store.Tx, instance string, ids []string) error {
	i, err := onlyInterface(c, tx, instance)
	if err != nil {
		return err
	}
	if i.Groups, err = ResolveGroups(c, tx, i.VPC, ids, nil); err != nil {
		return err
	}
	interfaces.Put(tx, i)
	touch(c, tx, i.VPC)
	return nil
}

// InterfaceAt is the interface that has an address in a VPC.
func InterfaceAt(c *cloud.Call, r store.Reader, vpc string, a netip.Addr) (*Interface, bool) {
	for s := range subnets.Index(r, "vpc", c.Account, c.Region, vpc) {
		t, ok := takens.Get(r, c.Account, c.Region, s.ID, a.AsSlice())
		if !ok {
			continue
		}
		return interfaces.Get(r, c.Account, c.Region, t.Interface)
	}
	return nil, false
}
