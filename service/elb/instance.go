package elb

import (
	"net/netip"
	"slices"

	apiec2 "pileus/api/ec2"
	api "pileus/api/elb"
	"pileus/cloud"
	"pileus/lb/attach"
	"pileus/store"
)

// machine is what a load balancer knows of an instance.
type machine struct {
	State, VPC, Zone string
	Addr             netip.Addr // of its primary interface; invalid for none
}

// asked is how many values of a filter EC2 takes at once.
const asked = 200

// machinesOf are the instances that exist among ids.
func machinesOf(c *cloud.Call, ids []string) (map[string]machine, error) {
	found := map[string]machine{}
	for part := range slices.Chunk(ids, asked) {
		out, err := apiec2.DescribeInstances.Call(attach.As(c), &apiec2.DescribeInstancesInput{Filters: []apiec2.Filter{{Name: new("instance-id"), Values: part}}})
		if err != nil {
			return nil, err
		}
		for _, v := range out.Reservations {
			for _, i := range v.Instances {
				m := machine{VPC: cloud.Or(i.VpcId, "")}
				if i.State != nil {
					m.State = cloud.Or(i.State.Name, "")
				}
				if i.Placement != nil {
					m.Zone = cloud.Or(i.Placement.AvailabilityZone, "")
				}
				m.Addr, _ = netip.ParseAddr(cloud.Or(i.PrivateIpAddress, "")) // one that is gone has none
				found[*i.InstanceId] = m
			}
		}
	}
	return found, nil
}

// ids are the instances that a request names.
func ids(in []api.Instance) (list []string) {
	for _, i := range in {
		if id := cloud.Or(i.InstanceId, ""); !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	return list
}

func (b *balancer) apiInstances() []api.Instance {
	out := []api.Instance{}
	for _, id := range b.Instances {
		out = append(out, api.Instance{InstanceId: &id})
	}
	return out
}

func registerInstances(c *cloud.Call, tx store.Tx, in *api.RegisterInstancesWithLoadBalancerInput) (*api.RegisterInstancesWithLoadBalancerOutput, error) {
	b, err := find(c, tx, in.LoadBalancerName)
	if err != nil {
		return nil, err
	}
	wanted := ids(in.Instances)
	found, err := machinesOf(c, wanted)
	if err != nil {
		return nil, err
	}
	for _, id := range wanted {
		m, ok := found[id]
		switch {
		case !ok || m.State == "terminated" || m.State == "shutting-down":
			return nil, errNoInstance(id)
		case m.VPC != b.VPC:
			return nil, api.ErrInvalidEndPoint.New("EC2 instance %s is not in the same VPC as ELB.", id)
		}
		b.Draining = slices.DeleteFunc(b.Draining, func(d draining) bool { return d.Instance == id })
		if !slices.Contains(b.Instances, id) {
			b.Instances = append(b.Instances, id)
		}
	}
	if len(b.Instances) > maxInstances {
		return nil, unfit("The number of registered instances per load balancer is limited to %d", maxInstances)
	}
	b.put(tx)
	return &api.RegisterInstancesWithLoadBalancerOutput{Instances: b.apiInstances()}, nil
}

func deregisterInstances(c *cloud.Call, tx store.Tx, in *api.DeregisterInstancesFromLoadBalancerInput) (*api.DeregisterInstancesFromLoadBalancerOutput, error) {
	b, err := find(c, tx, in.LoadBalancerName)
	if err != nil {
		return nil, err
	}
	gone := ids(in.Instances)
	if err := checkKnown(c, b, gone); err != nil {
		return nil, err
	}
	b.takeOut(c, tx, gone)
	b.put(tx)
	return &api.DeregisterInstancesFromLoadBalancerOutput{Instances: b.apiInstances()}, nil
}

// checkKnown tells of instances that are neither registered nor exist.
func checkKnown(c *cloud.Call, b *balancer, list []string) error {
	strange := slices.DeleteFunc(slices.Clone(list), func(id string) bool { return slices.Contains(b.Instances, id) })
	found, err := machinesOf(c, strange)
	if err != nil {
		return err
	}
	for _, id := range strange {
		if _, ok := found[id]; !ok {
			return errNoInstance(id)
		}
	}
	return nil
}

// takeOut deregisters instances: at once, or once they have finished.
func (b *balancer) takeOut(c *cloud.Call, tx store.Tx, gone []string) {
	for _, id := range gone {
		i := slices.Index(b.Instances, id)
		if i < 0 {
			continue
		}
		b.Instances = slices.Delete(b.Instances, i, i+1)
		if b.Drain {
			until := c.Now.Add(seconds(b.DrainTimeout))
			b.Draining = append(b.Draining, draining{Instance: id, Since: c.Now, Until: until})
			tx.After(until, drainController, b.key())
		}
	}
}

// drained is the controller that forgets instances whose time is over.
func drained(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		b, ok := balancers.Get(tx, key...)
		if !ok || len(b.Draining) == 0 {
			return nil
		}
		b.Draining = slices.DeleteFunc(b.Draining, func(d draining) bool { return !c.Now.Before(d.Until) })
		for _, d := range b.Draining {
			tx.After(d.Until, drainController, key)
		}
		b.put(tx)
		return nil
	})
}
