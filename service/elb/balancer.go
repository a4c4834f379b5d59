package elb

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"github.com/fxamacker/cbor/v2"

	api "pileus/api/elb"
	"pileus/cloud"
	"pileus/identity"
	"pileus/lb"
	"pileus/lb/attach"
	"pileus/rng"
	"pileus/store"
)

// What one account may have in a region.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-limits.html
const (
	maxBalancers = 20
	maxListeners = 100
	maxInstances = 1000
	maxPolicies  = 100
	maxName      = 32
)

// firstAttributes are those of a load balancer that is made by the API.
var firstAttributes = attributes{DrainTimeout: 300, IdleTimeout: 60, Desync: "defensive"}

func createLoadBalancer(c *cloud.Call, tx store.Tx, in *api.CreateLoadBalancerInput) (*api.CreateLoadBalancerOutput, error) {
	if err := checkName(in.LoadBalancerName); err != nil {
		return nil, err
	}
	request, err := cbor.Marshal(in)
	if err != nil {
		return nil, err
	}
	if old, ok := balancers.Get(tx, c.Account, c.Region, in.LoadBalancerName); ok {
		if !bytes.Equal(old.Request, request) {
			return nil, api.ErrDuplicateAccessPointName.New("Load Balancer named '%s' already exists and it is configured with different parameters.", old.Name)
		}
		return &api.CreateLoadBalancerOutput{DNSName: &old.DNSName}, nil
	}
	if err := checkRoom(c, tx); err != nil {
		return nil, err
	}
	b := &balancer{
		Account: c.Account, Region: c.Region, Name: in.LoadBalancerName, ID: c.Rand().String(1, rng.Digits[1:]) + c.Rand().String(9, rng.Digits), Made: c.Now, Request: request, attributes: firstAttributes,
	}
	switch cloud.Or(in.Scheme, "internet-facing") {
	case "internal":
		b.Internal = true
	case "internet-facing":
	default:
		return nil, api.ErrInvalidScheme.New("Scheme '%s' is not valid", *in.Scheme)
	}
	b.DNSName = attach.DNSName(lb.Classic, b.Internal, b.Name, b.ID, c.Region)
	if err := b.addTags(in.Tags); err != nil {
		return nil, err
	}
	if len(in.Listeners) == 0 {
		return nil, invalid("Listeners cannot be empty")
	}
	if err := b.addListeners(c, tx, in.Listeners); err != nil {
		return nil, err
	}
	first := b.Listeners[0]
	b.Check = healthCheck{Target: target("TCP", first.InstancePort), Interval: 30, Timeout: 5, Unhealthy: 2, Healthy: 10}
	if err := b.place(c, in); err != nil {
		return nil, err
	}
	b.put(tx)
	return &api.CreateLoadBalancerOutput{DNSName: &b.DNSName}, nil
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9-]+$`)

func checkName(name string) error {
	switch {
	case len(name) > maxName:
		return invalid("LoadBalancer name cannot be longer than %d characters", maxName)
	case !nameForm.MatchString(name):
		return invalid("LoadBalancer name must only contain characters that are alphanumeric or hyphens(-)")
	case strings.HasPrefix(name, "-") || strings.HasSuffix(name, "-"):
		return invalid("LoadBalancer name cannot begin or end with a hyphen")
	}
	return nil
}

func checkRoom(c *cloud.Call, r store.Reader) error {
	n := 0
	for range balancers.Scan(r, c.Account, c.Region) {
		n++
	}
	if n >= maxBalancers {
		return api.ErrTooManyAccessPoints.New("Exceeded quota of account %s", c.Account)
	}
	return nil
}

// place gives a new load balancer its interfaces: in the subnets named, or in
// the default subnets of the zones named.
func (b *balancer) place(c *cloud.Call, in *api.CreateLoadBalancerInput) error {
	subnets := in.Subnets
	switch {
	case len(in.Subnets) > 0 && len(in.AvailabilityZones) > 0:
		return invalid("Only one of SubnetIds or AvailabilityZones may be specified")
	case len(in.Subnets) == 0 && len(in.AvailabilityZones) == 0:
		return invalid("Either AvailabilityZones or SubnetIds must be specified")
	case len(in.AvailabilityZones) > 0:
		var err error
		if subnets, err = defaultSubnets(c, in.AvailabilityZones); err != nil {
			return err
		}
	}
	b.Groups = slices.Compact(slices.Sorted(slices.Values(in.SecurityGroups)))
	return b.open(c, subnets)
}

func deleteLoadBalancer(c *cloud.Call, tx store.Tx, in *api.DeleteLoadBalancerInput) (*api.DeleteLoadBalancerOutput, error) {
	b, ok := balancers.Get(tx, c.Account, c.Region, in.LoadBalancerName)
	if !ok { // it is gone, as was wished
		return &api.DeleteLoadBalancerOutput{}, nil
	}
	for _, n := range b.Nodes {
		if err := attach.Close(c, n); err != nil {
			return nil, err
		}
	}
	attach.Unpublish(tx, b.arn())
	balancers.Delete(tx, b.key()...)
	b.touch(tx)
	return &api.DeleteLoadBalancerOutput{}, nil
}

// tagsOf are tags as records have them.
func tagsOf(in []api.Tag) (out identity.Tags, err error) {
	for _, t := range in {
		if slices.ContainsFunc(out, func(o identity.Tag) bool { return o.Key == t.Key }) {
			return nil, api.ErrDuplicateTagKeys.New("Duplicate tag keys found: %s", t.Key)
		}
		if strings.HasPrefix(strings.ToLower(t.Key), "aws:") {
			return nil, invalid("Tag keys that begin with aws: are reserved for system use")
		}
		out = append(out, identity.Tag{Key: t.Key, Value: cloud.Or(t.Value, "")})
	}
	return out, nil
}
