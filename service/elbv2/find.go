package elbv2

import (
	"iter"
	"strings"

	api "pileus/api/elbv2"
	"pileus/cloud"
	"pileus/store"
)

// service is the name of the API in ARNs and actions.
const service = "elasticloadbalancing"

// resourceOf is the part of an ARN that names the resource, "targetgroup/web/1".
func resourceOf(arn string) string {
	a, ok := cloud.ParseARN(arn)
	if !ok || a.Service != service {
		return ""
	}
	return a.Resource
}

// kindOf is the kind of resource that an ARN names: "loadbalancer",
// "targetgroup", "listener", "listener-rule", "truststore"; "" for others.
func kindOf(arn string) string {
	kind, _, _ := strings.Cut(resourceOf(arn), "/")
	return kind
}

// place splits the name of a resource: account and region of an ARN.
func place(arn string) (account, region string) {
	a, _ := cloud.ParseARN(arn)
	return a.Account, a.Region
}

// short is a load balancer's name without its kind, "app/web/50dc6c495c0c9188":
// what metrics and logs call it.
func (b *balancer) short() string { return strings.TrimPrefix(resourceOf(b.ARN), "loadbalancer/") }

func findBalancer(c *cloud.Call, r store.Reader, arn string) (*balancer, error) {
	if kindOf(arn) != "loadbalancer" {
		return nil, invalid("'%s' is not a valid load balancer ARN", arn)
	}
	if b, ok := balancers.Get(r, c.Account, c.Region, arn); ok {
		return b, nil
	}
	return nil, api.ErrLoadBalancerNotFound.New("Load balancer '%s' not found", arn)
}

func findListener(c *cloud.Call, r store.Reader, arn string) (*listener, error) {
	if kindOf(arn) != "listener" {
		return nil, invalid("'%s' is not a valid listener ARN", arn)
	}
	if l, ok := listeners.Get(r, c.Account, c.Region, arn); ok {
		return l, nil
	}
	return nil, api.ErrListenerNotFound.New("One or more listeners not found")
}

func findRule(c *cloud.Call, r store.Reader, arn string) (*rule, error) {
	if kindOf(arn) != "listener-rule" {
		return nil, invalid("'%s' is not a valid listener rule ARN", arn)
	}
	if v, ok := rules.Get(r, c.Account, c.Region, arn); ok {
		return v, nil
	}
	return nil, api.ErrRuleNotFound.New("One or more rules not found")
}

func findGroup(c *cloud.Call, r store.Reader, arn string) (*group, error) {
	if kindOf(arn) != "targetgroup" {
		return nil, invalid("'%s' is not a valid target group ARN", arn)
	}
	if g, ok := groups.Get(r, c.Account, c.Region, arn); ok {
		return g, nil
	}
	return nil, api.ErrTargetGroupNotFound.New("One or more target groups not found")
}

// listenersOf are a load balancer's listeners, oldest first.
func listenersOf(r store.Reader, b *balancer) iter.Seq[*listener] {
	return listeners.Index(r, "balancer", b.Account, b.Region, b.ARN)
}

// rulesOf are a listener's rules by their priority, the default one last.
func rulesOf(r store.Reader, l *listener) iter.Seq[*rule] {
	return rules.Index(r, "listener", l.Account, l.Region, l.ARN)
}

// targetsOf are a group's targets.
func targetsOf(r store.Reader, g *group) iter.Seq[*target] {
	return targets.Scan(r, g.Account, g.Region, g.ARN)
}

// forwards yields the target groups that actions lead to.
func forwards(actions []api.Action) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, a := range actions {
			for _, w := range weights(a) {
				if !yield(w.arn) {
					return
				}
			}
		}
	}
}

// uses are the groups that a load balancer's listeners and rules lead to.
func uses(r store.Reader, b *balancer) map[string]bool {
	found := map[string]bool{}
	for l := range listenersOf(r, b) {
		for arn := range forwards(l.Actions) {
			found[arn] = true
		}
	}
	for v := range rules.Index(r, "balancer", b.Account, b.Region, b.ARN) {
		for arn := range forwards(v.Actions) {
			found[arn] = true
		}
	}
	return found
}

// usersOf are the load balancers that lead to a group: one, but for groups of
// network load balancers.
func usersOf(r store.Reader, g *group) (list []*balancer) {
	for b := range balancers.Scan(r, g.Account, g.Region) {
		if uses(r, b)[g.ARN] {
			list = append(list, b)
		}
	}
	return list
}

// touch has a load balancer looked at once the transaction has committed.
func touch(tx store.Tx, b *balancer) { tx.After(zero, balancerController, balancers.Key(b)) }

// touchUsers is touch for all that lead to a group.
func touchUsers(tx store.Tx, g *group) {
	for _, b := range usersOf(tx, g) {
		touch(tx, b)
	}
}
