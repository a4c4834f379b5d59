package vpc

import (
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// transferHours is how long another account can accept an address.
// https://docs.aws.amazon.com/vpc/latest/userguide/WorkWithEIPs.html#transfer-EIPs-intro
const transferHours = 7 * 24 * time.Hour

func enableAddressTransfer(c *cloud.Call, tx store.Tx, in *api.EnableAddressTransferInput) (*api.EnableAddressTransferOutput, error) {
	a, err := find(c, tx, addresses, in.AllocationId, noAllocation)
	if err != nil {
		return nil, err
	}
	if len(in.TransferAccountId) != 12 || in.TransferAccountId == c.Account {
		return nil, resource.Invalid(in.TransferAccountId, "TransferAccountId")
	}
	changed := *a
	changed.Transfer = &Transfer{To: in.TransferAccountId, Expires: c.Now.Add(transferHours)}
	addresses.Put(tx, &changed)
	return &api.EnableAddressTransferOutput{AddressTransfer: changed.transfer(c)}, nil
}

func disableAddressTransfer(c *cloud.Call, tx store.Tx, in *api.DisableAddressTransferInput) (*api.DisableAddressTransferOutput, error) {
	a, err := find(c, tx, addresses, in.AllocationId, noAllocation)
	if err != nil {
		return nil, err
	}
	if !a.offered(c) {
		return nil, resource.Errorf("AddressTransferNotFound", "There is no transfer of the address %s.", a.Public)
	}
	out := a.transfer(c)
	out.AddressTransferStatus = new("disabled")
	changed := *a
	changed.Transfer = nil
	addresses.Put(tx, &changed)
	return &api.DisableAddressTransferOutput{AddressTransfer: out}, nil
}

// offered tells whether another account may take the address now.
func (a *Address) offered(c *cloud.Call) bool {
	return a.Transfer != nil && c.Now.Before(a.Transfer.Expires)
}

func (a *Address) transfer(c *cloud.Call) *api.AddressTransfer {
	o := &api.AddressTransfer{AllocationId: &a.ID, PublicIp: new(a.Public.String()), AddressTransferStatus: new("pending")}
	if t := a.Transfer; t != nil {
		o.TransferAccountId, o.TransferOfferExpirationTimestamp = &t.To, &t.Expires
	}
	return o
}

// acceptAddressTransfer moves an address to the caller's account.
func acceptAddressTransfer(c *cloud.Call, tx store.Tx, in *api.AcceptAddressTransferInput) (*api.AcceptAddressTransferOutput, error) {
	tags, err := tagsFor(in.TagSpecifications, "elastic-ip")
	if err != nil {
		return nil, err
	}
	for a := range addresses.Scan(tx) {
		if a.Public.String() != in.Address || a.Region != c.Region || !a.offered(c) || a.Transfer.To != c.Account {
			continue
		}
		owner := c.In(a.Account, a.Region)
		if a.Association != "" {
			return nil, resource.Errorf("InvalidTransfer.AddressAssociated", "The address %s is associated with a resource.", a.Public)
		}
		if count(addresses.Scan(tx, c.Account, c.Region)) >= maxAddresses {
			return nil, limit("AddressLimitExceeded", "addresses")
		}
		out := a.transfer(c)
		out.AddressTransferStatus, out.TransferOfferAcceptedTimestamp = new("accepted"), &c.Now
		bills(owner, tx, a.level())
		addresses.Delete(tx, a.Account, a.Region, a.ID)
		resource.Unregister(owner, tx, a.ID)
		taken := &Address{Account: c.Account, Region: c.Region, ID: resource.NewID(c, "eipalloc"), Public: a.Public, Since: c.Now}
		addresses.Put(tx, taken)
		publics.Put(tx, &public{Addr: a.Public, Owner: taken.ID})
		resource.Register(c, tx, "elastic-ip", taken.ID, tags)
		out.AllocationId = &taken.ID
		return &api.AcceptAddressTransferOutput{AddressTransfer: out}, nil
	}
	return nil, resource.Errorf("InvalidAddress.NotFound", "Address '%s' not found.", in.Address)
}

func describeAddressTransfers(c *cloud.Call, r store.Reader, in *api.DescribeAddressTransfersInput) (*api.DescribeAddressTransfersOutput, error) {
	all := func(yield func(*Address) bool) {
		for a := range addresses.Scan(r, c.Account, c.Region) {
			if a.offered(c) && !yield(a) {
				return
			}
		}
	}
	list, next, err := resource.List(c, r, resource.Query{IDs: in.AllocationIds, Max: in.MaxResults, Token: in.NextToken, NotFound: noAllocation}, all,
		func(a *Address) string { return a.ID }, nil)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeAddressTransfersOutput{NextToken: next, AddressTransfers: []api.AddressTransfer{}}
	for _, a := range list {
		out.AddressTransfers = append(out.AddressTransfers, *a.transfer(c))
	}
	return out, nil
}
