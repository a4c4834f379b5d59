package elbv2_test

import (
	"strings"
	"testing"

	api "pileus/api/elbv2"
	"pileus/cloud"
	"pileus/node/nodetest"
)

// trial runs one operation as somebody.
type trial func(c *cloud.Call) error

func of[In, Out any](op *cloud.Op[In, Out], in In) trial {
	return func(c *cloud.Call) error {
		_, err := op.Call(c, in)
		return err
	}
}

// stage is a cloud with one of each resource.
type stage struct {
	*world
	balancer, listener, rule, rule2, group, spare, store string
}

func newStage(t *testing.T) *stage {
	x := &stage{world: newWorld(t)}
	x.balancer = *x.world.balancer("web").LoadBalancerArn
	x.listener = x.world.listener(x.balancer, 80, says("x"))
	x.rule, x.rule2 = x.world.rule(x.listener, 1, "/a", says("a")), x.world.rule(x.listener, 2, "/b", says("b"))
	x.group, x.spare = x.world.group("g", "HTTP"), x.world.group("spare", "HTTP")
	nodetest.Do(x.World, &api.RegisterTargets, &api.RegisterTargetsInput{TargetGroupArn: x.group, Targets: []api.TargetDescription{{Id: "10.0.0.9"}}})
	x.bucket("logs", "")
	x.put("logs", "ca.pem", authority(t))
	x.store = *nodetest.Do(x.World, &api.CreateTrustStore, &api.CreateTrustStoreInput{Name: "trust", CaCertificatesBundleS3Bucket: "logs", CaCertificatesBundleS3Key: "ca.pem"}).TrustStores[0].TrustStoreArn
	return x
}

// operation is one with the actions that it needs, and how it ends where it is
// allowed: "" for success.
type operation struct {
	actions []string
	try     trial
	ends    string
}

func needs(try trial, actions ...string) operation { return operation{actions: actions, try: try} }

func (x *stage) operations() map[string]operation {
	all := x.onBalancers()
	for name, o := range x.onListeners() {
		all[name] = o
	}
	for name, o := range x.onStores() {
		all[name] = o
	}
	for name, o := range all {
		if o.actions == nil {
			o.actions = []string{name}
			all[name] = o
		}
	}
	return all
}

func (x *stage) onBalancers() map[string]operation {
	b, g := x.balancer, x.group
	target := []api.TargetDescription{{Id: "10.0.0.9"}}
	return map[string]operation{
		"CreateLoadBalancer":             needs(of(&api.CreateLoadBalancer, &api.CreateLoadBalancerInput{Name: "new", Subnets: []string{x.subnetA, x.subnetB}})),
		"CreateLoadBalancer with tags":   needs(of(&api.CreateLoadBalancer, &api.CreateLoadBalancerInput{Name: "new", Subnets: []string{x.subnetA, x.subnetB}, Tags: []api.Tag{{Key: "a", Value: new("b")}}}), "CreateLoadBalancer", "AddTags"),
		"DeleteLoadBalancer":             needs(of(&api.DeleteLoadBalancer, &api.DeleteLoadBalancerInput{LoadBalancerArn: b})),
		"DescribeLoadBalancers":          needs(of(&api.DescribeLoadBalancers, &api.DescribeLoadBalancersInput{})),
		"DescribeLoadBalancerAttributes": needs(of(&api.DescribeLoadBalancerAttributes, &api.DescribeLoadBalancerAttributesInput{LoadBalancerArn: b})),
		"ModifyLoadBalancerAttributes":   needs(of(&api.ModifyLoadBalancerAttributes, &api.ModifyLoadBalancerAttributesInput{LoadBalancerArn: b, Attributes: []api.LoadBalancerAttribute{{Key: new("idle_timeout.timeout_seconds"), Value: new("30")}}})),
		"DescribeCapacityReservation":    needs(of(&api.DescribeCapacityReservation, &api.DescribeCapacityReservationInput{LoadBalancerArn: b})),
		"ModifyCapacityReservation":      needs(of(&api.ModifyCapacityReservation, &api.ModifyCapacityReservationInput{LoadBalancerArn: b, MinimumLoadBalancerCapacity: &api.MinimumLoadBalancerCapacity{CapacityUnits: new(int32(100))}})),
		"ModifyIpPools":                  needs(of(&api.ModifyIpPools, &api.ModifyIpPoolsInput{LoadBalancerArn: b, IpamPools: &api.IpamPools{Ipv4IpamPoolId: new("ipam-pool-1")}})),
		"SetIpAddressType":               needs(of(&api.SetIpAddressType, &api.SetIpAddressTypeInput{LoadBalancerArn: b, IpAddressType: "ipv4"})),
		"SetSecurityGroups":              {try: of(&api.SetSecurityGroups, &api.SetSecurityGroupsInput{LoadBalancerArn: b, SecurityGroups: []string{"sg-0123456789abcdef0"}}), ends: "InvalidSecurityGroup"},
		"SetSubnets":                     needs(of(&api.SetSubnets, &api.SetSubnetsInput{LoadBalancerArn: b, Subnets: []string{x.subnetA, x.subnetB}})),
		"CreateTargetGroup":              needs(of(&api.CreateTargetGroup, &api.CreateTargetGroupInput{Name: "new", Protocol: new("HTTP"), Port: new(int32(80)), VpcId: &x.vpc})),
		"DeleteTargetGroup":              needs(of(&api.DeleteTargetGroup, &api.DeleteTargetGroupInput{TargetGroupArn: g})),
		"ModifyTargetGroup":              needs(of(&api.ModifyTargetGroup, &api.ModifyTargetGroupInput{TargetGroupArn: g, HealthCheckPath: new("/h")})),
		"ModifyTargetGroupAttributes":    needs(of(&api.ModifyTargetGroupAttributes, &api.ModifyTargetGroupAttributesInput{TargetGroupArn: g, Attributes: []api.TargetGroupAttribute{{Key: new("deregistration_delay.timeout_seconds"), Value: new("5")}}})),
		"DescribeTargetGroups":           needs(of(&api.DescribeTargetGroups, &api.DescribeTargetGroupsInput{})),
		"DescribeTargetGroupAttributes":  needs(of(&api.DescribeTargetGroupAttributes, &api.DescribeTargetGroupAttributesInput{TargetGroupArn: g})),
		"DescribeTargetHealth":           needs(of(&api.DescribeTargetHealth, &api.DescribeTargetHealthInput{TargetGroupArn: g})),
		"RegisterTargets":                needs(of(&api.RegisterTargets, &api.RegisterTargetsInput{TargetGroupArn: x.spare, Targets: target})),
		"DeregisterTargets":              needs(of(&api.DeregisterTargets, &api.DeregisterTargetsInput{TargetGroupArn: g, Targets: target})),
		"AddTags":                        needs(of(&api.AddTags, &api.AddTagsInput{ResourceArns: []string{b, g, x.listener, x.rule, x.store}, Tags: []api.Tag{{Key: "a", Value: new("b")}}})),
		"RemoveTags":                     needs(of(&api.RemoveTags, &api.RemoveTagsInput{ResourceArns: []string{b}, TagKeys: []string{"a"}})),
		"DescribeTags":                   needs(of(&api.DescribeTags, &api.DescribeTagsInput{ResourceArns: []string{b}})),
		"DescribeAccountLimits":          needs(of(&api.DescribeAccountLimits, &api.DescribeAccountLimitsInput{})),
		"DescribeSSLPolicies":            needs(of(&api.DescribeSSLPolicies, &api.DescribeSSLPoliciesInput{})),
	}
}

func (x *stage) onListeners() map[string]operation {
	l := x.listener
	certificate := []api.Certificate{{CertificateArn: new("arn:aws:iam::000000000000:server-certificate/none")}}
	return map[string]operation{
		"CreateListener":               needs(of(&api.CreateListener, &api.CreateListenerInput{LoadBalancerArn: x.balancer, Protocol: new("HTTP"), Port: new(int32(81)), DefaultActions: leads(x.group)})),
		"DeleteListener":               needs(of(&api.DeleteListener, &api.DeleteListenerInput{ListenerArn: l})),
		"ModifyListener":               needs(of(&api.ModifyListener, &api.ModifyListenerInput{ListenerArn: l, Port: new(int32(82))})),
		"DescribeListeners":            needs(of(&api.DescribeListeners, &api.DescribeListenersInput{LoadBalancerArn: &x.balancer})),
		"DescribeListenerAttributes":   needs(of(&api.DescribeListenerAttributes, &api.DescribeListenerAttributesInput{ListenerArn: l})),
		"ModifyListenerAttributes":     needs(of(&api.ModifyListenerAttributes, &api.ModifyListenerAttributesInput{ListenerArn: l, Attributes: []api.ListenerAttribute{{Key: new("routing.http.response.server.enabled"), Value: new("false")}}})),
		"AddListenerCertificates":      {try: of(&api.AddListenerCertificates, &api.AddListenerCertificatesInput{ListenerArn: l, Certificates: certificate}), ends: "UnsupportedProtocol"},
		"RemoveListenerCertificates":   needs(of(&api.RemoveListenerCertificates, &api.RemoveListenerCertificatesInput{ListenerArn: l, Certificates: certificate})),
		"DescribeListenerCertificates": needs(of(&api.DescribeListenerCertificates, &api.DescribeListenerCertificatesInput{ListenerArn: l})),
		"CreateRule":                   needs(of(&api.CreateRule, &api.CreateRuleInput{ListenerArn: l, Priority: 9, Conditions: path4("/n"), Actions: says("n")})),
		"DeleteRule":                   needs(of(&api.DeleteRule, &api.DeleteRuleInput{RuleArn: x.rule})),
		"ModifyRule":                   needs(of(&api.ModifyRule, &api.ModifyRuleInput{RuleArn: x.rule, Conditions: path4("/m")})),
		"DescribeRules":                needs(of(&api.DescribeRules, &api.DescribeRulesInput{ListenerArn: &l})),
		"SetRulePriorities":            needs(of(&api.SetRulePriorities, &api.SetRulePrioritiesInput{RulePriorities: []api.RulePriorityPair{{RuleArn: &x.rule, Priority: new(int32(2))}, {RuleArn: &x.rule2, Priority: new(int32(1))}}})),
	}
}

func (x *stage) onStores() map[string]operation {
	s := x.store
	revoked := []api.RevocationContent{{S3Bucket: new("logs"), S3Key: new("ca.pem")}}
	return map[string]operation{
		"CreateTrustStore":                  needs(of(&api.CreateTrustStore, &api.CreateTrustStoreInput{Name: "new", CaCertificatesBundleS3Bucket: "logs", CaCertificatesBundleS3Key: "ca.pem"})),
		"DeleteTrustStore":                  needs(of(&api.DeleteTrustStore, &api.DeleteTrustStoreInput{TrustStoreArn: s})),
		"ModifyTrustStore":                  needs(of(&api.ModifyTrustStore, &api.ModifyTrustStoreInput{TrustStoreArn: s, CaCertificatesBundleS3Bucket: "logs", CaCertificatesBundleS3Key: "ca.pem"})),
		"DescribeTrustStores":               needs(of(&api.DescribeTrustStores, &api.DescribeTrustStoresInput{})),
		"DescribeTrustStoreAssociations":    needs(of(&api.DescribeTrustStoreAssociations, &api.DescribeTrustStoreAssociationsInput{TrustStoreArn: s})),
		"DescribeTrustStoreRevocations":     needs(of(&api.DescribeTrustStoreRevocations, &api.DescribeTrustStoreRevocationsInput{TrustStoreArn: s})),
		"GetTrustStoreCaCertificatesBundle": needs(of(&api.GetTrustStoreCaCertificatesBundle, &api.GetTrustStoreCaCertificatesBundleInput{TrustStoreArn: s})),
		"GetTrustStoreRevocationContent":    {try: of(&api.GetTrustStoreRevocationContent, &api.GetTrustStoreRevocationContentInput{TrustStoreArn: s, RevocationId: 1}), ends: "RevocationIdNotFound"},
		"AddTrustStoreRevocations":          {try: of(&api.AddTrustStoreRevocations, &api.AddTrustStoreRevocationsInput{TrustStoreArn: s, RevocationContents: revoked}), ends: "InvalidRevocationContent"},
		"RemoveTrustStoreRevocations":       {try: of(&api.RemoveTrustStoreRevocations, &api.RemoveTrustStoreRevocationsInput{TrustStoreArn: s, RevocationIds: []int64{1}}), ends: "RevocationIdNotFound"},
		"GetResourcePolicy":                 {try: of(&api.GetResourcePolicy, &api.GetResourcePolicyInput{ResourceArn: s}), ends: "ResourceNotFound"},
		"DeleteSharedTrustStoreAssociation": {try: of(&api.DeleteSharedTrustStoreAssociation, &api.DeleteSharedTrustStoreAssociationInput{TrustStoreArn: s, ResourceArn: x.balancer}), ends: "DeleteAssociationSameAccount"},
	}
}

// TestWhoMay runs each operation with no permission, with all but one of those
// that it needs, and with exactly those.
func TestWhoMay(t *testing.T) {
	names := map[string]bool{}
	for name := range newStage(t).operations() {
		names[name] = true
		t.Run(name, func(t *testing.T) {
			x := newStage(t)
			o := x.operations()[name]
			wants(t, o.try(x.As(x.User("none", ""))), "AccessDenied", "is not authorized to perform: elasticloadbalancing:")
			full := []string{"s3:GetObject"}
			for i, missing := range o.actions {
				rest := []string{"s3:GetObject"}
				for j, a := range o.actions {
					if i != j {
						rest = append(rest, "elasticloadbalancing:"+a)
					}
				}
				full = append(full, "elasticloadbalancing:"+missing)
				wants(t, o.try(x.As(x.User("nearly"+missing, nodetest.Allow(rest...)))), "AccessDenied", "elasticloadbalancing:"+missing)
			}
			wants(t, o.try(x.As(x.User("allowed", nodetest.Allow(full...)))), o.ends, "")
		})
	}
	for _, op := range api.Service.Ops {
		if !names[op.Name] {
			t.Errorf("%s has no case", op.Name)
		}
	}
}

// TestConditionKeys: a policy may tie a load balancer to its scheme, and a
// resource to its tags.
func TestConditionKeys(t *testing.T) {
	x := newStage(t)
	nodetest.Do(x.World, &api.AddTags, &api.AddTagsInput{ResourceArns: []string{x.group}, Tags: []api.Tag{{Key: "team", Value: new("a")}}})
	when := func(action, key, value string) *cloud.Call {
		doc := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"elasticloadbalancing:` + action + `","Resource":"*","Condition":{"StringEquals":{"` + key + `":"` + value + `"}}}]}`
		return x.As(x.User(strings.ToLower(action)+value, doc))
	}
	create := of(&api.CreateLoadBalancer, &api.CreateLoadBalancerInput{Name: "inner", Scheme: new("internal"), Subnets: []string{x.subnetA, x.subnetB}})
	wants(t, create(when("CreateLoadBalancer", "elasticloadbalancing:Scheme", "internet-facing")), "AccessDenied", "")
	wants(t, create(when("CreateLoadBalancer", "elasticloadbalancing:Scheme", "internal")), "", "")
	remove := of(&api.DeleteTargetGroup, &api.DeleteTargetGroupInput{TargetGroupArn: x.group})
	wants(t, remove(when("DeleteTargetGroup", "aws:ResourceTag/team", "b")), "AccessDenied", "")
	wants(t, remove(when("DeleteTargetGroup", "elasticloadbalancing:ResourceTag/team", "a")), "", "")
}
