package instance

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// creditDefault is the credit option that an account has chosen for the new
// instances of a family in a region.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-performance-instance-set-default.html
type creditDefault struct{ Account, Region, Family, Credits string }

var creditDefaults = &store.Table[creditDefault]{
	Name: "ec2.creditdefault",
	Key:  func(d *creditDefault) store.Key { return store.K(d.Account, d.Region, d.Family) },
}

// defaultCredits is the credit option of new instances of a family: without a
// choice standard for T2, unlimited for the later generations.
func defaultCredits(c *cloud.Call, r store.Reader, family string) string {
	if d, ok := creditDefaults.Get(r, c.Account, c.Region, family); ok {
		return d.Credits
	}
	if family == "t2" || family == "t1" {
		return "standard"
	}
	return "unlimited"
}

func (d *creditDefault) api() *api.InstanceFamilyCreditSpecification {
	return &api.InstanceFamilyCreditSpecification{InstanceFamily: &d.Family, CpuCredits: &d.Credits}
}

// burstable refuses families that have no credits.
func burstable(family string) error {
	if earnings[family] == nil {
		return resource.Invalid(family, "InstanceFamily")
	}
	return nil
}

func getDefaultCreditSpecification(c *cloud.Call, r store.Reader, in *api.GetDefaultCreditSpecificationInput) (*api.GetDefaultCreditSpecificationOutput, error) {
	if err := burstable(in.InstanceFamily); err != nil {
		return nil, err
	}
	d := &creditDefault{Family: in.InstanceFamily, Credits: defaultCredits(c, r, in.InstanceFamily)}
	return &api.GetDefaultCreditSpecificationOutput{InstanceFamilyCreditSpecification: d.api()}, nil
}

func modifyDefaultCreditSpecification(c *cloud.Call, tx store.Tx, in *api.ModifyDefaultCreditSpecificationInput) (*api.ModifyDefaultCreditSpecificationOutput, error) {
	if err := burstable(in.InstanceFamily); err != nil {
		return nil, err
	}
	if !oneOf(&in.CpuCredits, "standard", "unlimited") {
		return nil, resource.Invalid(in.CpuCredits, "CpuCredits")
	}
	d := &creditDefault{Account: c.Account, Region: c.Region, Family: in.InstanceFamily, Credits: in.CpuCredits}
	creditDefaults.Put(tx, d)
	return &api.ModifyDefaultCreditSpecificationOutput{InstanceFamilyCreditSpecification: d.api()}, nil
}
