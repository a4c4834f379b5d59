package elb

import (
	"strings"

	api "pileus/api/elb"
	"pileus/cloud"
	"pileus/store"
)

// access declares what each operation needs.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancing.html
func access() []cloud.Access {
	return []cloud.Access{
		api.CreateLoadBalancer.Decides([]string{action("CreateLoadBalancer"), action("AddTags")}, checkCreate),
		on(&api.DeleteLoadBalancer, func(in *api.DeleteLoadBalancerInput) string { return in.LoadBalancerName }),
		on(&api.CreateLoadBalancerListeners, func(in *api.CreateLoadBalancerListenersInput) string { return in.LoadBalancerName }),
		on(&api.DeleteLoadBalancerListeners, func(in *api.DeleteLoadBalancerListenersInput) string { return in.LoadBalancerName }),
		on(&api.SetLoadBalancerListenerSSLCertificate, func(in *api.SetLoadBalancerListenerSSLCertificateInput) string { return in.LoadBalancerName }),
		on(&api.AttachLoadBalancerToSubnets, func(in *api.AttachLoadBalancerToSubnetsInput) string { return in.LoadBalancerName }),
		on(&api.DetachLoadBalancerFromSubnets, func(in *api.DetachLoadBalancerFromSubnetsInput) string { return in.LoadBalancerName }),
		on(&api.EnableAvailabilityZonesForLoadBalancer, func(in *api.EnableAvailabilityZonesForLoadBalancerInput) string { return in.LoadBalancerName }),
		on(&api.DisableAvailabilityZonesForLoadBalancer, func(in *api.DisableAvailabilityZonesForLoadBalancerInput) string { return in.LoadBalancerName }),
		on(&api.ApplySecurityGroupsToLoadBalancer, func(in *api.ApplySecurityGroupsToLoadBalancerInput) string { return in.LoadBalancerName }),
		on(&api.RegisterInstancesWithLoadBalancer, func(in *api.RegisterInstancesWithLoadBalancerInput) string { return in.LoadBalancerName }),
		on(&api.DeregisterInstancesFromLoadBalancer, func(in *api.DeregisterInstancesFromLoadBalancerInput) string { return in.LoadBalancerName }),
		on(&api.ConfigureHealthCheck, func(in *api.ConfigureHealthCheckInput) string { return in.LoadBalancerName }),
		on(&api.ModifyLoadBalancerAttributes, func(in *api.ModifyLoadBalancerAttributesInput) string { return in.LoadBalancerName }),
		on(&api.CreateAppCookieStickinessPolicy, func(in *api.CreateAppCookieStickinessPolicyInput) string { return in.LoadBalancerName }),
		on(&api.CreateLBCookieStickinessPolicy, func(in *api.CreateLBCookieStickinessPolicyInput) string { return in.LoadBalancerName }),
		on(&api.CreateLoadBalancerPolicy, func(in *api.CreateLoadBalancerPolicyInput) string { return in.LoadBalancerName }),
		on(&api.DeleteLoadBalancerPolicy, func(in *api.DeleteLoadBalancerPolicyInput) string { return in.LoadBalancerName }),
		on(&api.SetLoadBalancerPoliciesOfListener, func(in *api.SetLoadBalancerPoliciesOfListenerInput) string { return in.LoadBalancerName }),
		on(&api.SetLoadBalancerPoliciesForBackendServer, func(in *api.SetLoadBalancerPoliciesForBackendServerInput) string { return in.LoadBalancerName }),
		api.AddTags.Decides([]string{action("AddTags")}, func(c *cloud.Call, r store.Reader, in *api.AddTagsInput) ([]cloud.Check, error) {
			return checks(c, r, "AddTags", in.LoadBalancerNames, requestTags(in.Tags)), nil
		}),
		api.RemoveTags.Decides([]string{action("RemoveTags")}, func(c *cloud.Call, r store.Reader, in *api.RemoveTagsInput) ([]cloud.Check, error) {
			keys := cloud.Keys{}
			for _, t := range in.Tags {
				keys["aws:tagkeys"] = append(keys["aws:tagkeys"], cloud.Or(t.Key, ""))
			}
			return checks(c, r, "RemoveTags", in.LoadBalancerNames, keys), nil
		}),
		api.DescribeLoadBalancers.Needs(action("DescribeLoadBalancers"), nil),
		api.DescribeInstanceHealth.Needs(action("DescribeInstanceHealth"), nil),
		api.DescribeLoadBalancerAttributes.Needs(action("DescribeLoadBalancerAttributes"), nil),
		api.DescribeLoadBalancerPolicies.Needs(action("DescribeLoadBalancerPolicies"), nil),
		api.DescribeLoadBalancerPolicyTypes.Needs(action("DescribeLoadBalancerPolicyTypes"), nil),
		api.DescribeTags.Needs(action("DescribeTags"), nil),
		api.DescribeAccountLimits.Needs(action("DescribeAccountLimits"), nil),
	}
}

func action(name string) string { return "elasticloadbalancing:" + name }

// on declares an operation on one load balancer.
func on[In, Out any](o *cloud.Op[In, Out], name func(In) string) cloud.Access {
	return o.Decides([]string{action(o.Name)}, func(c *cloud.Call, r store.Reader, in In) ([]cloud.Check, error) {
		return checks(c, r, o.Name, []string{name(in)}, nil), nil
	})
}

func checks(c *cloud.Call, r store.Reader, operation string, names []string, keys cloud.Keys) (list []cloud.Check) {
	for _, name := range names {
		k := cloud.Check{Action: action(operation), Resource: cloud.Resource{ARN: c.ARN("elasticloadbalancing", "loadbalancer/"+name)}, Keys: keys}
		if b, ok := balancers.Get(r, c.Account, c.Region, name); ok {
			k.Resource.Tags = b.Tags.Map()
		}
		list = append(list, k)
	}
	return list
}

func requestTags(in []api.Tag) cloud.Keys {
	m := map[string]string{}
	for _, t := range in {
		m[t.Key] = cloud.Or(t.Value, "")
	}
	return cloud.TagKeys(m)
}

func checkCreate(c *cloud.Call, r store.Reader, in *api.CreateLoadBalancerInput) ([]cloud.Check, error) {
	keys := requestTags(in.Tags)
	set := func(key string, values ...string) {
		if len(values) > 0 {
			keys["elasticloadbalancing:"+key] = values
		}
	}
	set("scheme", cloud.Or(in.Scheme, "internet-facing"))
	set("securitygroup", in.SecurityGroups...)
	set("subnet", in.Subnets...)
	var protocols []string
	for _, l := range in.Listeners {
		protocols = append(protocols, strings.ToUpper(l.Protocol))
	}
	set("listenerprotocol", protocols...)
	list := checks(c, r, "CreateLoadBalancer", []string{in.LoadBalancerName}, keys)
	if len(in.Tags) > 0 {
		tag := requestTags(in.Tags)
		tag["elasticloadbalancing:createaction"] = []string{"CreateLoadBalancer"}
		list = append(list, checks(c, r, "AddTags", []string{in.LoadBalancerName}, tag)...)
	}
	return list, nil
}
