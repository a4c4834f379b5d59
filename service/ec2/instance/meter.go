package instance

import (
	"iter"
	"time"

	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// atLeast is what each run of an instance is billed for.
// https://aws.amazon.com/ec2/pricing/on-demand/
const atLeast = time.Minute

// usage is an hour of an instance; of how many is for the caller to say.
func (i *Instance) usage(r store.Reader) cloud.Usage {
	_, operation := i.platformDetails()
	kind := "BoxUsage:"
	if i.LifeCycle == "spot" {
		kind = "SpotUsage:"
	} else if i.Placement.Tenancy == "dedicated" {
		kind = "DedicatedUsage:"
	}
	c := &cloud.Call{Account: i.Account, Region: i.Region}
	return cloud.Usage{
		Account: i.Account, Region: i.Region, Service: "AmazonEC2", Type: kind + i.Type, Operation: operation,
		Resource: "arn:aws:ec2:" + i.Region + ":" + i.Account + ":instance/" + i.ID, Tags: resource.Tags(c, r, i.ID).Map(),
	}
}

// Stored yields the instances that run: each is billed an hour for each hour,
// from when it began.
func (s *Room) Stored(r store.Reader) iter.Seq[cloud.Usage] {
	return func(yield func(cloud.Usage) bool) {
		bill := s.bill(r)
		for i := range instances.Scan(r) {
			if i.Since.IsZero() || i.State == Stopped || i.State == Terminated || i.Placement.Tenancy == "host" {
				continue
			}
			u := i.usage(r)
			u.Quantity, u.Since = 1, i.Since
			for _, part := range bill(i, u) {
				if !yield(part) {
					return
				}
			}
		}
	}
}

// used meters, once tx has committed, what no sample has counted of a run that
// ends, and what a short one is billed for beyond its time.
func (s *Room) used(c *cloud.Call, tx store.Tx, i *Instance) {
	if i.Since.IsZero() || i.Placement.Tenancy == "host" {
		return
	}
	run := i.usage(tx)
	rest := run
	run.Quantity, run.Since = 1, i.Since
	parts := s.bill(tx)(i, run)
	if rest.Quantity = (atLeast - c.Now.Sub(i.Since)).Hours(); rest.Quantity > 0 {
		parts = append(parts, s.bill(tx)(i, rest)...)
	}
	tx.OnCommit(func() {
		for _, part := range parts {
			c.Cloud.Meter(part)
		}
	})
}
