// Package elb is the classic load balancer: the API of 2012-06-01.
//
//	record.go      what is kept
//	balancer.go    load balancers: made, removed
//	describe.go    and described
//	listener.go    listeners and their certificates
//	subnet.go      subnets and zones, security groups
//	instance.go    instances that are registered
//	health.go      how they are
//	check.go       health checks
//	attribute.go   attributes
//	policy.go      policies, and what they are set on
//	policytype.go  what policies there can be
//	tag.go         tags
//	desired.go     a load balancer as the engine takes it
//	converge.go    the engine follows the records
//	watch.go       what happens to instances and targets meanwhile
//	log.go         access logs
//	metric.go      what CloudWatch gets
//	access.go      who may
//	errors.go      errors
//
// It shares its signing name and endpoint with service/elbv2, and the engine
// that carries the traffic (lb, lb/attach).
package elb

import (
	"context"
	"log/slog"
	"sync"

	api "pileus/api/elb"
	"pileus/cloud"
	"pileus/lb/attach"
	"pileus/store"
)

// Parts are what the service is made with.
type Parts struct {
	// Data is the data path, shared with the other service of Elastic Load Balancing.
	Data *attach.Data
	Log  *slog.Logger
}

// service is what it holds besides the state.
type service struct {
	data *attach.Data
	log  *slog.Logger
	logs attach.Logs

	mu      sync.Mutex
	touched map[string]bool  // ids of balancers whose targets changed
	signal  chan struct{}    // something is touched
	seen    map[string]sight // by id
}

// Module is the service.
func Module(p Parts) cloud.Module {
	s := newService(p)
	return cloud.Module{
		API: &api.Service,
		Operations: []cloud.Binding{
			api.CreateLoadBalancer.Update(createLoadBalancer),
			api.DeleteLoadBalancer.Update(deleteLoadBalancer),
			api.DescribeLoadBalancers.View(describeLoadBalancers),
			api.CreateLoadBalancerListeners.Update(createListeners),
			api.DeleteLoadBalancerListeners.Update(deleteListeners),
			api.SetLoadBalancerListenerSSLCertificate.Update(setCertificate),
			api.AttachLoadBalancerToSubnets.Update(attachSubnets),
			api.DetachLoadBalancerFromSubnets.Update(detachSubnets),
			api.EnableAvailabilityZonesForLoadBalancer.Update(enableZones),
			api.DisableAvailabilityZonesForLoadBalancer.Update(disableZones),
			api.ApplySecurityGroupsToLoadBalancer.Update(applyGroups),
			api.RegisterInstancesWithLoadBalancer.Update(registerInstances),
			api.DeregisterInstancesFromLoadBalancer.Update(deregisterInstances),
			api.DescribeInstanceHealth.View(s.describeInstanceHealth),
			api.ConfigureHealthCheck.Update(configureHealthCheck),
			api.DescribeLoadBalancerAttributes.View(describeAttributes),
			api.ModifyLoadBalancerAttributes.Serve(modifyAttributes),
			api.CreateAppCookieStickinessPolicy.Update(createAppCookiePolicy),
			api.CreateLBCookieStickinessPolicy.Update(createLBCookiePolicy),
			api.CreateLoadBalancerPolicy.Update(createPolicy),
			api.DeleteLoadBalancerPolicy.Update(deletePolicy),
			api.SetLoadBalancerPoliciesOfListener.Update(setListenerPolicies),
			api.SetLoadBalancerPoliciesForBackendServer.Update(setBackendPolicies),
			api.DescribeLoadBalancerPolicies.View(describePolicies),
			api.DescribeLoadBalancerPolicyTypes.View(describePolicyTypes),
			api.AddTags.Update(addTags),
			api.RemoveTags.Update(removeTags),
			api.DescribeTags.View(describeTags),
			api.DescribeAccountLimits.View(describeLimits),
		},
		Access: access(),
		Controllers: []cloud.Controller{
			{Name: balancerController, Reconcile: s.converge},
			{Name: drainController, Reconcile: drained},
			{Name: logController, Reconcile: s.sendLogs},
		},
		Start:   s.start,
		Reset:   s.reset,
		Metrics: s.metrics,
		Count: func(r store.Reader) map[string]int {
			n := 0
			for range balancers.Scan(r) {
				n++
			}
			return map[string]int{"classic load balancers": n}
		},
	}
}

func newService(p Parts) *service {
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	s := &service{data: p.Data, log: p.Log, touched: map[string]bool{}, signal: make(chan struct{}, 1), seen: map[string]sight{}}
	s.data.Watch(s.toldHealth, s.toldRecord)
	return s
}

// start has the engine take up all load balancers again.
func (s *service) start(ctx context.Context, c cloud.Cloud) error {
	if err := s.data.Start(ctx, c); err != nil {
		return err
	}
	err := c.DB().Update(ctx, func(tx store.Tx) error {
		for b := range balancers.Scan(tx) {
			b.touch(tx)
		}
		return nil
	})
	c.Go("elb.health", func(ctx context.Context) { s.follow(ctx, c) })
	c.Go("elb.instances", func(ctx context.Context) { s.watch(ctx, c) })
	return err
}

func (s *service) reset() {
	s.logs.Reset()
	s.mu.Lock()
	clear(s.touched)
	clear(s.seen)
	s.mu.Unlock()
	for _, id := range s.data.Balancers() {
		if _, ok := keyOf(id); ok {
			s.data.Remove(context.Background(), id)
		}
	}
}
