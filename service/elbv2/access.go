package elbv2

import (
	api "pileus/api/elbv2"
	"pileus/cloud"
	"pileus/store"
)

// access declares what each operation needs.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancingv2.html
func access() []cloud.Access {
	return append(append(balancerAccess(), listenerAccess()...), storeAccess()...)
}

// looks declares an operation that has no resources.
func looks[In, Out any](o *cloud.Op[In, Out]) cloud.Access { return o.Needs(action(o.Name), nil) }

func action(name string) string { return service + ":" + name }

// on is a check about a resource that there is, or may be.
func on(c *cloud.Call, r store.Reader, name, arn string, keys cloud.Keys) cloud.Check {
	k := cloud.Check{Action: action(name), Resource: cloud.Resource{ARN: arn}, Keys: cloud.Keys{}}
	for key, v := range keys {
		k.Keys[key] = v
	}
	if t, err := findTagged(c, r, arn); err == nil {
		k.Resource.Tags = t.tags.Map()
		for key, v := range k.Resource.Tags {
			k.Keys[service+":resourcetag/"+key] = []string{v}
		}
	}
	return k
}

// acts declares an operation on resources that its input names by ARN.
func acts[In, Out any](o *cloud.Op[In, Out], arns func(In) []string, keys func(In) cloud.Keys) cloud.Access {
	return o.Decides([]string{action(o.Name)}, func(c *cloud.Call, r store.Reader, in In) (checks []cloud.Check, err error) {
		var k cloud.Keys
		if keys != nil {
			k = keys(in)
		}
		for _, arn := range arns(in) {
			checks = append(checks, on(c, r, o.Name, arn, k))
		}
		return checks, nil
	})
}

// creates declares an operation that makes a resource, with tags perhaps.
func creates[In, Out any](o *cloud.Op[In, Out], arn func(*cloud.Call, In) string, tags func(In) []api.Tag, keys func(In) cloud.Keys) cloud.Access {
	return o.Decides([]string{action(o.Name), action("AddTags")}, func(c *cloud.Call, r store.Reader, in In) ([]cloud.Check, error) {
		all := cloud.TagKeys(tagMap(tags(in)))
		if keys != nil {
			for k, v := range keys(in) {
				all[k] = v
			}
		}
		checks := []cloud.Check{on(c, r, o.Name, arn(c, in), all)}
		if len(tags(in)) > 0 {
			t := on(c, r, "AddTags", arn(c, in), all)
			t.Keys[service+":createaction"] = []string{o.Name}
			checks = append(checks, t)
		}
		return checks, nil
	})
}

func tagMap(list []api.Tag) map[string]string {
	m := map[string]string{}
	for _, t := range list {
		m[t.Key] = cloud.Or(t.Value, "")
	}
	return m
}

func one(arn string) []string { return []string{arn} }

func balancerAccess() []cloud.Access {
	return []cloud.Access{
		creates(&api.CreateLoadBalancer, func(c *cloud.Call, in *api.CreateLoadBalancerInput) string {
			letters := map[string]string{network: "net", gateway: "gwy"}[cloud.Or(in.Type, application)]
			if letters == "" {
				letters = "app"
			}
			return c.ARN(service, "loadbalancer/"+letters+"/"+in.Name+"/*")
		}, func(in *api.CreateLoadBalancerInput) []api.Tag { return in.Tags }, func(in *api.CreateLoadBalancerInput) cloud.Keys {
			k := cloud.Keys{service + ":scheme": {cloud.Or(in.Scheme, "internet-facing")}}
			placeKeys(k, in.Subnets, in.SubnetMappings, in.SecurityGroups)
			return k
		}),
		acts(&api.DeleteLoadBalancer, func(in *api.DeleteLoadBalancerInput) []string { return one(in.LoadBalancerArn) }, nil),
		looks(&api.DescribeLoadBalancers), looks(&api.DescribeLoadBalancerAttributes), looks(&api.DescribeCapacityReservation),
		acts(&api.ModifyLoadBalancerAttributes, func(in *api.ModifyLoadBalancerAttributesInput) []string { return one(in.LoadBalancerArn) }, nil),
		acts(&api.ModifyCapacityReservation, func(in *api.ModifyCapacityReservationInput) []string { return one(in.LoadBalancerArn) }, nil),
		acts(&api.ModifyIpPools, func(in *api.ModifyIpPoolsInput) []string { return one(in.LoadBalancerArn) }, nil),
		acts(&api.SetIpAddressType, func(in *api.SetIpAddressTypeInput) []string { return one(in.LoadBalancerArn) }, nil),
		acts(&api.SetSecurityGroups, func(in *api.SetSecurityGroupsInput) []string { return one(in.LoadBalancerArn) }, func(in *api.SetSecurityGroupsInput) cloud.Keys {
			k := cloud.Keys{}
			placeKeys(k, nil, nil, in.SecurityGroups)
			return k
		}),
		acts(&api.SetSubnets, func(in *api.SetSubnetsInput) []string { return one(in.LoadBalancerArn) }, func(in *api.SetSubnetsInput) cloud.Keys {
			k := cloud.Keys{}
			placeKeys(k, in.Subnets, in.SubnetMappings, nil)
			return k
		}),
		creates(&api.CreateTargetGroup, func(c *cloud.Call, in *api.CreateTargetGroupInput) string {
			return c.ARN(service, "targetgroup/"+in.Name+"/*")
		}, func(in *api.CreateTargetGroupInput) []api.Tag { return in.Tags }, nil),
		acts(&api.DeleteTargetGroup, func(in *api.DeleteTargetGroupInput) []string { return one(in.TargetGroupArn) }, nil),
		acts(&api.ModifyTargetGroup, func(in *api.ModifyTargetGroupInput) []string { return one(in.TargetGroupArn) }, nil),
		acts(&api.ModifyTargetGroupAttributes, func(in *api.ModifyTargetGroupAttributesInput) []string { return one(in.TargetGroupArn) }, nil),
		looks(&api.DescribeTargetGroups), looks(&api.DescribeTargetGroupAttributes), looks(&api.DescribeTargetHealth),
		acts(&api.RegisterTargets, func(in *api.RegisterTargetsInput) []string { return one(in.TargetGroupArn) }, nil),
		acts(&api.DeregisterTargets, func(in *api.DeregisterTargetsInput) []string { return one(in.TargetGroupArn) }, nil),
		acts(&api.AddTags, func(in *api.AddTagsInput) []string { return in.ResourceArns }, func(in *api.AddTagsInput) cloud.Keys { return cloud.TagKeys(tagMap(in.Tags)) }),
		acts(&api.RemoveTags, func(in *api.RemoveTagsInput) []string { return in.ResourceArns }, func(in *api.RemoveTagsInput) cloud.Keys {
			return cloud.Keys{"aws:tagkeys": in.TagKeys}
		}),
		looks(&api.DescribeTags), looks(&api.DescribeAccountLimits), looks(&api.DescribeSSLPolicies),
	}
}

// placeKeys are the condition keys of subnets and security groups.
func placeKeys(k cloud.Keys, subnets []string, mappings []api.SubnetMapping, groups []string) {
	for _, m := range mappings {
		subnets = append(subnets, cloud.Or(m.SubnetId, ""))
	}
	if len(subnets) > 0 {
		k[service+":subnet"] = subnets
	}
	if len(groups) > 0 {
		k[service+":securitygroup"] = groups
	}
}

func listenerAccess() []cloud.Access {
	return []cloud.Access{
		creates(&api.CreateListener, func(_ *cloud.Call, in *api.CreateListenerInput) string { return in.LoadBalancerArn },
			func(in *api.CreateListenerInput) []api.Tag { return in.Tags }, func(in *api.CreateListenerInput) cloud.Keys {
				return listenerKeys(in.Protocol, in.SslPolicy)
			}),
		acts(&api.DeleteListener, func(in *api.DeleteListenerInput) []string { return one(in.ListenerArn) }, nil),
		acts(&api.ModifyListener, func(in *api.ModifyListenerInput) []string { return one(in.ListenerArn) }, func(in *api.ModifyListenerInput) cloud.Keys {
			return listenerKeys(in.Protocol, in.SslPolicy)
		}),
		acts(&api.ModifyListenerAttributes, func(in *api.ModifyListenerAttributesInput) []string { return one(in.ListenerArn) }, nil),
		acts(&api.AddListenerCertificates, func(in *api.AddListenerCertificatesInput) []string { return one(in.ListenerArn) }, nil),
		acts(&api.RemoveListenerCertificates, func(in *api.RemoveListenerCertificatesInput) []string { return one(in.ListenerArn) }, nil),
		looks(&api.DescribeListeners), looks(&api.DescribeListenerAttributes), looks(&api.DescribeListenerCertificates), looks(&api.DescribeRules),
		creates(&api.CreateRule, func(_ *cloud.Call, in *api.CreateRuleInput) string { return in.ListenerArn }, func(in *api.CreateRuleInput) []api.Tag { return in.Tags }, nil),
		acts(&api.DeleteRule, func(in *api.DeleteRuleInput) []string { return one(in.RuleArn) }, nil),
		acts(&api.ModifyRule, func(in *api.ModifyRuleInput) []string { return one(in.RuleArn) }, nil),
		acts(&api.SetRulePriorities, func(in *api.SetRulePrioritiesInput) (list []string) {
			for _, p := range in.RulePriorities {
				list = append(list, cloud.Or(p.RuleArn, ""))
			}
			return list
		}, nil),
	}
}

func listenerKeys(protocol, policy *string) cloud.Keys {
	k := cloud.Keys{}
	if protocol != nil {
		k[service+":listenerprotocol"] = []string{*protocol}
	}
	if policy != nil {
		k[service+":securitypolicy"] = []string{*policy}
	}
	return k
}

func storeAccess() []cloud.Access {
	return []cloud.Access{
		creates(&api.CreateTrustStore, func(c *cloud.Call, in *api.CreateTrustStoreInput) string {
			return c.ARN(service, "truststore/"+in.Name+"/*")
		}, func(in *api.CreateTrustStoreInput) []api.Tag { return in.Tags }, nil),
		acts(&api.DeleteTrustStore, func(in *api.DeleteTrustStoreInput) []string { return one(in.TrustStoreArn) }, nil),
		acts(&api.ModifyTrustStore, func(in *api.ModifyTrustStoreInput) []string { return one(in.TrustStoreArn) }, nil),
		acts(&api.AddTrustStoreRevocations, func(in *api.AddTrustStoreRevocationsInput) []string { return one(in.TrustStoreArn) }, nil),
		acts(&api.RemoveTrustStoreRevocations, func(in *api.RemoveTrustStoreRevocationsInput) []string { return one(in.TrustStoreArn) }, nil),
		acts(&api.DeleteSharedTrustStoreAssociation, func(in *api.DeleteSharedTrustStoreAssociationInput) []string { return one(in.TrustStoreArn) }, nil),
		acts(&api.GetTrustStoreCaCertificatesBundle, func(in *api.GetTrustStoreCaCertificatesBundleInput) []string { return one(in.TrustStoreArn) }, nil),
		acts(&api.GetTrustStoreRevocationContent, func(in *api.GetTrustStoreRevocationContentInput) []string { return one(in.TrustStoreArn) }, nil),
		acts(&api.GetResourcePolicy, func(in *api.GetResourcePolicyInput) []string { return one(in.ResourceArn) }, nil),
		looks(&api.DescribeTrustStores), looks(&api.DescribeTrustStoreAssociations), looks(&api.DescribeTrustStoreRevocations),
	}
}
