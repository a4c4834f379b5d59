package group

import (
	"time"

	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// whyRisk is why a spot instance at risk is replaced, as activities tell it.
const whyRisk = "an EC2 instance rebalance recommendation"

// marked is the status of a request whose instance is about to be interrupted.
const marked = "marked-for-termination"

// noticing is how often spot instances are looked at: they have two minutes from
// their notice on.
const noticing = 30 * time.Second

// flee has spot instances replaced that are about to be taken back, where the
// group rebalances its capacity: their successors come first.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-capacity-rebalancing.html
func (k *Keeper) flee(c *cloud.Call, s *scene) (bool, error) {
	ids, err := s.risky(c)
	if err != nil || len(ids) == 0 {
		return false, err
	}
	return true, c.Update(func(tx store.Tx) error {
		for _, i := range ids {
			Replace(c, tx, i, whyRisk, true)
		}
		return nil
	})
}

// risky are the spot instances in service that are at risk and not being
// replaced yet.
func (s *scene) risky(c *cloud.Call) (list []*Instance, err error) {
	if !s.Rebalance || s.Deleting {
		return nil, nil
	}
	of := map[string]*Instance{}
	filter := ec2.Filter{Name: new("instance-id")}
	for _, i := range s.members {
		if i.Spot && i.Serving() && i.Active() && i.Replacing == nil {
			of[i.ID] = i
			filter.Values = append(filter.Values, i.ID)
		}
	}
	if len(of) == 0 {
		return nil, nil
	}
	s.wake(c.Now.Add(noticing))
	out, err := ec2.DescribeSpotInstanceRequests.Call(identity.AsAccount(c), &ec2.DescribeSpotInstanceRequestsInput{Filters: []ec2.Filter{filter}})
	if err != nil {
		return nil, err
	}
	for _, q := range out.SpotInstanceRequests {
		if q.Status != nil && cloud.Or(q.Status.Code, "") == marked {
			if i := of[cloud.Or(q.InstanceId, "")]; i != nil {
				list = append(list, i)
			}
		}
	}
	return list, nil
}
