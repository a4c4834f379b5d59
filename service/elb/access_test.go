package elb_test

import (
	"testing"

	api "pileus/api/elb"
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

// operations are all that there are, on the load balancer "web" that has the
// policies "sticky" and "unused".
func (w *world) operations() map[string]trial {
	const name = "web"
	i := []api.Instance{{InstanceId: &w.instances[0]}}
	zones := []string{"us-east-1b"}
	return map[string]trial{
		"AddTags":                           of(&api.AddTags, &api.AddTagsInput{LoadBalancerNames: []string{name}, Tags: []api.Tag{{Key: "a"}}}),
		"ApplySecurityGroupsToLoadBalancer": of(&api.ApplySecurityGroupsToLoadBalancer, &api.ApplySecurityGroupsToLoadBalancerInput{LoadBalancerName: name, SecurityGroups: w.describe(name).SecurityGroups}),
		"AttachLoadBalancerToSubnets":       of(&api.AttachLoadBalancerToSubnets, &api.AttachLoadBalancerToSubnetsInput{LoadBalancerName: name, Subnets: w.subnets}),
		"ConfigureHealthCheck": of(&api.ConfigureHealthCheck, &api.ConfigureHealthCheckInput{LoadBalancerName: name,
			HealthCheck: api.HealthCheck{Target: "HTTP:80/", Interval: 10, Timeout: 5, UnhealthyThreshold: 2, HealthyThreshold: 2}}),
		"CreateAppCookieStickinessPolicy": of(&api.CreateAppCookieStickinessPolicy, &api.CreateAppCookieStickinessPolicyInput{LoadBalancerName: name, PolicyName: "app", CookieName: "c"}),
		"CreateLBCookieStickinessPolicy":  of(&api.CreateLBCookieStickinessPolicy, &api.CreateLBCookieStickinessPolicyInput{LoadBalancerName: name, PolicyName: "lb"}),
		"CreateLoadBalancer":              of(&api.CreateLoadBalancer, &api.CreateLoadBalancerInput{LoadBalancerName: "other", Listeners: []api.Listener{http(80)}, Subnets: w.subnets}),
		"CreateLoadBalancerListeners":     of(&api.CreateLoadBalancerListeners, &api.CreateLoadBalancerListenersInput{LoadBalancerName: name, Listeners: []api.Listener{http(81)}}),
		"CreateLoadBalancerPolicy": of(&api.CreateLoadBalancerPolicy, &api.CreateLoadBalancerPolicyInput{LoadBalancerName: name, PolicyName: "proxy", PolicyTypeName: "ProxyProtocolPolicyType",
			PolicyAttributes: []api.PolicyAttribute{{AttributeName: new("ProxyProtocol"), AttributeValue: new("true")}}}),
		"DeleteLoadBalancer":                  of(&api.DeleteLoadBalancer, &api.DeleteLoadBalancerInput{LoadBalancerName: name}),
		"DeleteLoadBalancerListeners":         of(&api.DeleteLoadBalancerListeners, &api.DeleteLoadBalancerListenersInput{LoadBalancerName: name, LoadBalancerPorts: []int32{81}}),
		"DeleteLoadBalancerPolicy":            of(&api.DeleteLoadBalancerPolicy, &api.DeleteLoadBalancerPolicyInput{LoadBalancerName: name, PolicyName: "unused"}),
		"DeregisterInstancesFromLoadBalancer": of(&api.DeregisterInstancesFromLoadBalancer, &api.DeregisterInstancesFromLoadBalancerInput{LoadBalancerName: name, Instances: i}),
		"DescribeAccountLimits":               of(&api.DescribeAccountLimits, &api.DescribeAccountLimitsInput{}),
		"DescribeInstanceHealth":              of(&api.DescribeInstanceHealth, &api.DescribeInstanceHealthInput{LoadBalancerName: name}),
		"DescribeLoadBalancerAttributes":      of(&api.DescribeLoadBalancerAttributes, &api.DescribeLoadBalancerAttributesInput{LoadBalancerName: name}),
		"DescribeLoadBalancerPolicies":        of(&api.DescribeLoadBalancerPolicies, &api.DescribeLoadBalancerPoliciesInput{}),
		"DescribeLoadBalancerPolicyTypes":     of(&api.DescribeLoadBalancerPolicyTypes, &api.DescribeLoadBalancerPolicyTypesInput{}),
		"DescribeLoadBalancers":               of(&api.DescribeLoadBalancers, &api.DescribeLoadBalancersInput{}),
		"DescribeTags":                        of(&api.DescribeTags, &api.DescribeTagsInput{LoadBalancerNames: []string{name}}),
		"DetachLoadBalancerFromSubnets":       of(&api.DetachLoadBalancerFromSubnets, &api.DetachLoadBalancerFromSubnetsInput{LoadBalancerName: name, Subnets: w.subnets[1:]}),
		"DisableAvailabilityZonesForLoadBalancer": of(&api.DisableAvailabilityZonesForLoadBalancer,
			&api.DisableAvailabilityZonesForLoadBalancerInput{LoadBalancerName: name, AvailabilityZones: zones}),
		"EnableAvailabilityZonesForLoadBalancer": of(&api.EnableAvailabilityZonesForLoadBalancer,
			&api.EnableAvailabilityZonesForLoadBalancerInput{LoadBalancerName: name, AvailabilityZones: zones}),
		"ModifyLoadBalancerAttributes": of(&api.ModifyLoadBalancerAttributes, &api.ModifyLoadBalancerAttributesInput{LoadBalancerName: name,
			LoadBalancerAttributes: api.LoadBalancerAttributes{ConnectionSettings: &api.ConnectionSettings{IdleTimeout: 5}}}),
		"RegisterInstancesWithLoadBalancer": of(&api.RegisterInstancesWithLoadBalancer, &api.RegisterInstancesWithLoadBalancerInput{LoadBalancerName: name, Instances: i}),
		"RemoveTags":                        of(&api.RemoveTags, &api.RemoveTagsInput{LoadBalancerNames: []string{name}, Tags: []api.TagKeyOnly{{Key: new("a")}}}),
		"SetLoadBalancerListenerSSLCertificate": of(&api.SetLoadBalancerListenerSSLCertificate,
			&api.SetLoadBalancerListenerSSLCertificateInput{LoadBalancerName: name, LoadBalancerPort: 443, SSLCertificateId: certificateARN}),
		"SetLoadBalancerPoliciesForBackendServer": of(&api.SetLoadBalancerPoliciesForBackendServer,
			&api.SetLoadBalancerPoliciesForBackendServerInput{LoadBalancerName: name, InstancePort: 8080, PolicyNames: []string{}}),
		"SetLoadBalancerPoliciesOfListener": of(&api.SetLoadBalancerPoliciesOfListener,
			&api.SetLoadBalancerPoliciesOfListenerInput{LoadBalancerName: name, LoadBalancerPort: 80, PolicyNames: []string{"sticky"}}),
	}
}

// TestWhoMay runs each operation with no permission, and with exactly the one
// that it needs.
func TestWhoMay(t *testing.T) {
	stage := func(t *testing.T) *world {
		w := newWorld(t)
		w.launch()
		w.upload(t)
		w.create("web", http(80), api.Listener{Protocol: "HTTPS", LoadBalancerPort: 443, InstancePort: 8080, SSLCertificateId: new(certificateARN)})
		nodetest.Do(w.World, &api.CreateLBCookieStickinessPolicy, &api.CreateLBCookieStickinessPolicyInput{LoadBalancerName: "web", PolicyName: "sticky"})
		nodetest.Do(w.World, &api.CreateLBCookieStickinessPolicy, &api.CreateLBCookieStickinessPolicyInput{LoadBalancerName: "web", PolicyName: "unused"})
		return w
	}
	w := stage(t)
	nobody := w.As(w.User("nobody", nodetest.Allow("elasticloadbalancing:Nothing")))
	all := w.operations()
	for _, op := range api.Service.Ops {
		if all[op.Name] == nil {
			t.Errorf("%s has no case", op.Name)
			continue
		}
		fails(t, all[op.Name](nobody), "AccessDenied", "is not authorized to perform: elasticloadbalancing:"+op.Name)
	}
	for name, try := range all {
		if name == "DeleteLoadBalancer" {
			continue // comes last
		}
		fails(t, try(w.As(w.User(name, nodetest.Allow("elasticloadbalancing:"+name)))), "", "")
	}
	fails(t, all["DeleteLoadBalancer"](w.As(w.User("last", nodetest.Allow("elasticloadbalancing:DeleteLoadBalancer")))), "", "")
	tagged := &api.CreateLoadBalancerInput{LoadBalancerName: "tagged", Listeners: []api.Listener{http(80)}, Subnets: w.subnets, Tags: []api.Tag{{Key: "a"}}}
	fails(t, of(&api.CreateLoadBalancer, tagged)(w.As(w.User("untagging", nodetest.Allow("elasticloadbalancing:CreateLoadBalancer")))), "AccessDenied", "elasticloadbalancing:AddTags")
}

// TestAccessByTagsAndNames allows what policies say of one load balancer.
func TestAccessByTagsAndNames(t *testing.T) {
	w := newWorld(t)
	w.create("web")
	w.create("other")
	nodetest.Do(w.World, &api.AddTags, &api.AddTagsInput{LoadBalancerNames: []string{"web"}, Tags: []api.Tag{{Key: "team", Value: new("red")}}})
	policy := func(condition string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"elasticloadbalancing:*","Resource":"arn:aws:elasticloadbalancing:*:*:loadbalancer/*","Condition":` + condition + `}]}`
	}
	red := w.As(w.User("red", policy(`{"StringEquals":{"aws:ResourceTag/team":"red"}}`)))
	del := func(name string) trial {
		return of(&api.DeleteLoadBalancerListeners, &api.DeleteLoadBalancerListenersInput{LoadBalancerName: name, LoadBalancerPorts: []int32{1}})
	}
	fails(t, del("web")(red), "", "")
	fails(t, del("other")(red), "AccessDenied", "")
	inside := w.As(w.User("inside", policy(`{"StringEquals":{"elasticloadbalancing:Scheme":"internal"}}`)))
	in := api.CreateLoadBalancerInput{LoadBalancerName: "third", Listeners: []api.Listener{http(80)}, Subnets: w.subnets}
	fails(t, of(&api.CreateLoadBalancer, &in)(inside), "AccessDenied", "")
	in.Scheme = new("internal")
	fails(t, of(&api.CreateLoadBalancer, &in)(inside), "", "")
}
