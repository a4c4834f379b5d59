package group

import (
	"fmt"
	"strings"
	"time"

	"pileus/cloud"
	"pileus/store"
)

// HealthStatus of instances.
const (
	healthy   = "Healthy"
	unhealthy = "Unhealthy"
)

// Why an instance is unhealthy, as activities tell it.
const (
	whyState    = "an EC2 health check indicating it has been terminated or stopped"
	whyStatus   = "an EC2 instance status checks failure"
	whyBalancer = "an ELB system health check failure"
	whyUser     = "a user health-check"
)

// checks tells whether a kind of health check is on: "EC2" always is.
func (g *Group) checks(kind string) bool {
	for part := range strings.SplitSeq(g.HealthCheck, ",") {
		if strings.EqualFold(strings.TrimSpace(part), kind) {
			return true
		}
	}
	return kind == "EC2"
}

// graceEnds is when an instance's health check grace period is over.
func (g *Group) graceEnds(i *Instance) time.Time {
	return i.InService.Add(time.Duration(g.Grace) * time.Second)
}

// judge marks the instances in service whose health checks fail. One that does
// not run any more is known at once, the other checks count after the grace
// period.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-health-checks.html
func (k *Keeper) judge(c *cloud.Call, s *scene) (changed bool, err error) {
	if s.Suspended("HealthCheck") {
		return false, nil
	}
	ill, err := s.illness(c)
	if err != nil {
		return false, err
	}
	for _, i := range s.members {
		why := ill[i.ID]
		if why == "" || i.Health == unhealthy {
			continue
		}
		changed = true
		if err := k.step(c, i, func(tx store.Tx, _ *Group, d *Instance) error {
			d.Health, d.Why = unhealthy, why
			Members.Put(tx, d)
			return nil
		}); err != nil {
			return changed, err
		}
	}
	return changed, nil
}

// illness is what ails the instances in service, by id.
func (s *scene) illness(c *cloud.Call) (map[string]string, error) {
	ill := map[string]string{}
	var settled []*Instance // whose grace period is over
	for _, i := range s.members {
		if !i.Active() || !i.Serving() {
			continue
		}
		see, ends := s.seen[i.ID], s.graceEnds(i)
		over := !c.Now.Before(ends)
		switch {
		case see.down():
			ill[i.ID] = whyState
		case !over:
			s.wake(ends)
		case see.Impaired:
			ill[i.ID] = whyStatus
		default:
			settled = append(settled, i)
		}
	}
	if !s.checks("ELB") || len(settled) == 0 {
		return ill, nil
	}
	for _, b := range s.Balancers {
		if b.State == sourceRemoving {
			continue
		}
		out, serves, err := failing(c, b.ID)
		if err != nil {
			return nil, err
		}
		s.serves[b.ID] = serves
		for _, i := range settled {
			if out[i.ID] && i.placed(b.ID) {
				ill[i.ID] = whyBalancer
			}
		}
	}
	return ill, nil
}

// sick is the cause of the activity that takes an unhealthy instance out.
func sick(c *cloud.Call, i *Instance) string {
	why := i.Why
	if why == "" {
		why = whyUser
	}
	return fmt.Sprintf("At %s an instance was taken out of service in response to %s.", stamp(c.Now), why)
}
