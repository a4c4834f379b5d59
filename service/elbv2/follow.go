package elbv2

import (
	"context"
	"slices"
	"time"

	"pileus/cloud"
	"pileus/identity"
	"pileus/lb/attach"
	"pileus/store"
	"pileus/zone"
)

// tick is how often the service looks whether instances that are targets, or
// zones, have changed on their own. It is the machine's time: on AWS a stopped
// instance is out of service within seconds as well.
const tick = time.Second

// surroundings are what changes without this API.
type surroundings struct {
	instances map[string]instance // by account, region and id
	down      map[string]bool     // zones
	inbound   map[string]string   // rules for what comes by VPC endpoints, by load balancer
}

// follow has load balancers looked at whose instances or zones have changed.
func (s *elb) follow(ctx context.Context, c cloud.Cloud) {
	var last *surroundings
	for {
		if c.Clock().Wait(ctx, tick) != nil {
			return
		}
		now, err := look(ctx, c)
		if err != nil {
			continue // the next look finds out
		}
		if err := follow(ctx, c, last, now); err == nil {
			last = now
		}
	}
}

// look reads what targets and zones are now.
func look(ctx context.Context, c cloud.Cloud) (*surroundings, error) {
	now := &surroundings{map[string]instance{}, map[string]bool{}, map[string]string{}}
	err := c.DB().View(ctx, func(r store.Reader) error {
		ids := map[[2]string][]string{}
		for g := range groups.Scan(r) {
			if g.Kind != ofInstances {
				continue
			}
			at := [2]string{g.Account, g.Region}
			for t := range targetsOf(r, g) {
				ids[at] = append(ids[at], t.ID)
			}
		}
		in := func(account, region string) *cloud.Call {
			return &cloud.Call{
				Context: ctx, Cloud: c, Account: account, Region: region, Partition: "aws", Now: c.Clock().Now(), RequestID: c.Rand().UUID(),
				Principal: identity.RootPrincipal(account), Snapshot: r,
			}
		}
		for b := range balancers.Scan(r) {
			for _, n := range b.Nodes {
				now.down[n.Zone] = zone.Down(r, n.Zone)
			}
			rules, err := inboundNow(in(b.Account, b.Region), b)
			if err != nil {
				return err
			}
			now.inbound[b.ARN] = rules
		}
		for at, list := range ids {
			slices.Sort(list)
			list = slices.Compact(list)
			found, err := instancesOf(in(at[0], at[1]), list)
			if err != nil {
				return err
			}
			for _, id := range list {
				now.instances[at[0]+" "+at[1]+" "+id] = found[id]
			}
		}
		return nil
	})
	return now, err
}

// follow wakes what has to do with the differences, and takes out targets that
// have been terminated.
func follow(ctx context.Context, c cloud.Cloud, last, now *surroundings) error {
	changed, zones := map[string]instance{}, map[string]bool{}
	for key, i := range now.instances {
		if last == nil || last.instances[key] != i {
			changed[key] = i
		}
	}
	for z, down := range now.down {
		if last != nil && last.down[z] != down || last == nil && down {
			zones[z] = true
		}
	}
	ruled := map[string]bool{}
	for arn, rules := range now.inbound {
		if last != nil && last.inbound[arn] != rules {
			ruled[arn] = true
		}
	}
	if len(changed)+len(zones)+len(ruled) == 0 {
		return nil
	}
	return c.DB().Update(ctx, func(tx store.Tx) error {
		for b := range balancers.Scan(tx) {
			if ruled[b.ARN] || slices.ContainsFunc(b.Nodes, func(n attach.Node) bool { return zones[n.Zone] }) {
				touch(tx, b)
			}
		}
		for g := range groups.Scan(tx) {
			followGroup(tx, g, changed)
		}
		return nil
	})
}

func followGroup(tx store.Tx, g *group, changed map[string]instance) {
	any := false
	if g.Kind != ofInstances {
		return
	}
	for _, t := range slices.Collect(targetsOf(tx, g)) {
		i, ok := changed[t.Account+" "+t.Region+" "+t.ID]
		if !ok {
			continue
		}
		any = true
		if i.state == "terminated" || i.state == "" {
			targets.Delete(tx, t.Account, t.Region, t.Group, t.ID, t.Port)
		}
	}
	if any {
		touchUsers(tx, g)
	}
}
