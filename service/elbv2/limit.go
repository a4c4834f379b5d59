package elbv2

import (
	"iter"
	"strconv"

	api "pileus/api/elbv2"
	"pileus/cloud"
	"pileus/store"
)

// Quotas of an account in a region.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
const (
	maxBalancers       = 50 // of each type
	maxGroups          = 3000
	maxTargets         = 1000 // of a group
	maxListeners       = 50
	maxRules           = 100 // of a load balancer, without default ones
	maxCertificates    = 25  // of a load balancer, without default ones
	maxActions         = 5
	maxGroupsOfAction  = 5
	maxConditionValues = 5
	maxWildcards       = 6
	maxConditionRegex  = 128  // characters
	maxRewriteRegex    = 1024 // characters, of the replacement as well
	maxTags            = 50
	maxTrustStores     = 20
)

// maxGroupsOf is how many groups a load balancer may lead to.
func maxGroupsOf(kind string) int {
	if kind == network {
		return maxGroups
	}
	return 100
}

func checkLimit(r store.Reader, c *cloud.Call, kind string) error {
	n := 0
	for b := range balancers.Scan(r, c.Account, c.Region) {
		if b.Type == kind {
			n++
		}
	}
	if n >= maxBalancers {
		return api.ErrTooManyLoadBalancers.New("The maximum number of load balancers has been reached")
	}
	return nil
}

func count[T any](list iter.Seq[T]) (n int) {
	for range list {
		n++
	}
	return n
}

// limits as DescribeAccountLimits lists them.
var limits = []struct {
	name string
	most int
}{
	{"target-groups", maxGroups},
	{"targets-per-application-load-balancer", 1000},
	{"listeners-per-application-load-balancer", maxListeners},
	{"rules-per-application-load-balancer", maxRules},
	{"network-load-balancers", maxBalancers},
	{"targets-per-network-load-balancer", 3000},
	{"targets-per-availability-zone-per-network-load-balancer", 500},
	{"listeners-per-network-load-balancer", maxListeners},
	{"condition-values-per-alb-rule", maxConditionValues},
	{"condition-wildcards-per-alb-rule", maxWildcards},
	{"target-groups-per-application-load-balancer", 100},
	{"target-groups-per-action-on-application-load-balancer", maxGroupsOfAction},
	{"target-groups-per-action-on-network-load-balancer", maxGroupsOfAction},
	{"certificates-per-application-load-balancer", maxCertificates},
	{"certificates-per-network-load-balancer", maxCertificates},
	{"targets-per-target-group", maxTargets},
	{"target-id-registrations-per-application-load-balancer", 1000},
	{"network-load-balancer-enis-per-vpc", 1200},
	{"application-load-balancers", maxBalancers},
	{"gateway-load-balancers", 100},
	{"gateway-load-balancers-per-vpc", 100},
	{"geneve-target-groups", 100},
	{"targets-per-availability-zone-per-gateway-load-balancer", 300},
}

func (s *elb) describeAccountLimits(_ *cloud.Call, _ store.Reader, in *api.DescribeAccountLimitsInput) (*api.DescribeAccountLimitsOutput, error) {
	out := &api.DescribeAccountLimitsOutput{}
	list := make([]api.Limit, len(limits))
	for n, l := range limits {
		list[n] = api.Limit{Name: &l.name, Max: new(strconv.Itoa(l.most))}
	}
	var err error
	out.Limits, out.NextMarker, err = page(list, in.Marker, in.PageSize, func(l api.Limit) string { return *l.Name })
	return out, err
}
