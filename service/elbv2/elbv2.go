// Package elbv2 is Elastic Load Balancing with application and network load
// balancers. It keeps what load balancers shall be; package lb carries their
// traffic.
//
//	records.go            what is kept        find.go       looking it up
//	balancer.go           load balancers      subnet.go     their interfaces
//	balancerattribute.go, groupattribute.go, listenerattribute.go, attribute.go
//	                      settings by name
//	group.go, groupcheck.go, target.go, instance.go
//	                      target groups, health checks, targets
//	listener.go, certificate.go, rule.go, condition.go, transform.go, action.go, actionauth.go
//	                      listeners and their rules
//	signer.go             the key that tells targets who a user is
//	truststore.go, revocation.go
//	                      authorities of client certificates
//	converge.go           brings the data path to what is kept
//	desired.go, desiredlistener.go, desiredgroup.go
//	                      what is kept, as the data path takes it
//	follow.go             instances and zones that change on their own
//	shift.go              traffic that is shifted away from a zone
//	health.go             how targets are
//	log.go, metric.go, meter.go
//	                      what is told of the traffic
//	web.go                requests to load balancers by way of the cloud's edge
package elbv2

import (
	"context"

	api "pileus/api/elbv2"
	"pileus/cloud"
	"pileus/lb/attach"
	"pileus/store"
)

// Parts are what the service is made with.
type Parts struct {
	// Data is the data path, which the classic service uses as well.
	Data *attach.Data
}

// elb is the service.
type elb struct {
	data *attach.Data
	logs attach.Logs
	told news
	rest remainder
}

// Module lists what the service offers; see cloud.Module.
func Module(p Parts) cloud.Module {
	s := &elb{data: p.Data}
	s.told.reset()
	p.Data.Watch(s.heard, s.recorded)
	return cloud.Module{
		API:        &api.Service,
		Operations: append(append(s.balancerOperations(), s.listenerOperations()...), s.storeOperations()...),
		Access:     access(),
		Controllers: []cloud.Controller{
			{Name: balancerController, Reconcile: s.converge},
			{Name: adoptController, Reconcile: s.adopt},
			{Name: drainController, Reconcile: s.finishDraining},
			{Name: nameController, Reconcile: s.publish},
			{Name: logController, Reconcile: s.deliver},
		},
		Start:   s.start,
		Web:     s.web,
		Metrics: s.metrics,
		Stored:  stored,
		Reset:   s.reset,
		Count: func(r store.Reader) map[string]int {
			return map[string]int{"load balancers": count(balancers.Scan(r)), "target groups": count(groups.Scan(r))}
		},
	}
}

func (s *elb) balancerOperations() []cloud.Binding {
	return []cloud.Binding{
		api.CreateLoadBalancer.Update(s.createLoadBalancer).Partial("no Gateway Load Balancers; no pools of IPAM"),
		api.DeleteLoadBalancer.Update(s.deleteLoadBalancer),
		api.DescribeLoadBalancers.View(s.describeLoadBalancers),
		api.DescribeLoadBalancerAttributes.View(s.describeLoadBalancerAttributes),
		api.ModifyLoadBalancerAttributes.Serve(s.modifyLoadBalancerAttributes).Partial("kept without effect: client routing policy, denied IPv6 internet traffic, secondary addresses"),
		api.SetSubnets.Update(s.setSubnets),
		api.SetSecurityGroups.Update(s.setSecurityGroups),
		api.SetIpAddressType.Update(s.setIPAddressType),
		api.ModifyIpPools.Update(s.modifyIPPools).Partial("the pool is kept; public addresses come from Amazon's"),
		api.ModifyCapacityReservation.Update(s.modifyCapacityReservation).Partial("the reservation is kept; every load balancer has what the machine has"),
		api.DescribeCapacityReservation.View(s.describeCapacityReservation),
		api.CreateTargetGroup.Update(s.createTargetGroup).Partial("no GENEVE, no QUIC"),
		api.ModifyTargetGroup.Update(s.modifyTargetGroup),
		api.DeleteTargetGroup.Update(s.deleteTargetGroup),
		api.DescribeTargetGroups.View(s.describeTargetGroups),
		api.DescribeTargetGroupAttributes.View(s.describeTargetGroupAttributes),
		api.ModifyTargetGroupAttributes.Update(s.modifyTargetGroupAttributes),
		api.RegisterTargets.Update(s.registerTargets).Partial("Lambda functions answer 502 while there is no Lambda"),
		api.DeregisterTargets.Update(s.deregisterTargets),
		api.DescribeTargetHealth.View(s.describeTargetHealth),
		api.AddTags.Update(s.addTags),
		api.RemoveTags.Update(s.removeTags),
		api.DescribeTags.View(s.describeTags),
		api.DescribeAccountLimits.View(s.describeAccountLimits),
		api.DescribeSSLPolicies.View(s.describeSSLPolicies),
	}
}

func (s *elb) listenerOperations() []cloud.Binding {
	const cognito = "no authenticate-cognito actions while there is no Amazon Cognito"
	const actions = cognito + "; no certificates of ACM while there is none"
	return []cloud.Binding{
		api.CreateListener.Update(s.createListener).Partial(actions),
		api.ModifyListener.Update(s.modifyListener).Partial(actions),
		api.DeleteListener.Update(s.deleteListener),
		api.DescribeListeners.View(s.describeListeners),
		api.DescribeListenerAttributes.View(s.describeListenerAttributes),
		api.ModifyListenerAttributes.Update(s.modifyListenerAttributes),
		api.AddListenerCertificates.Update(s.addListenerCertificates),
		api.RemoveListenerCertificates.Update(s.removeListenerCertificates),
		api.DescribeListenerCertificates.View(s.describeListenerCertificates),
		api.CreateRule.Update(s.createRule).Partial(cognito),
		api.ModifyRule.Update(s.modifyRule).Partial(cognito),
		api.DeleteRule.Update(s.deleteRule),
		api.DescribeRules.View(s.describeRules),
		api.SetRulePriorities.Update(s.setRulePriorities),
	}
}

func (s *elb) storeOperations() []cloud.Binding {
	const sharing = "trust stores are not shared while there is no Resource Access Manager"
	return []cloud.Binding{
		api.CreateTrustStore.Serve(s.createTrustStore),
		api.ModifyTrustStore.Serve(s.modifyTrustStore),
		api.DeleteTrustStore.Update(s.deleteTrustStore),
		api.DescribeTrustStores.View(s.describeTrustStores),
		api.DescribeTrustStoreAssociations.View(s.describeTrustStoreAssociations),
		api.DeleteSharedTrustStoreAssociation.Update(s.deleteSharedTrustStoreAssociation).Partial(sharing),
		api.GetResourcePolicy.View(s.getResourcePolicy).Partial(sharing),
		api.AddTrustStoreRevocations.Serve(s.addTrustStoreRevocations),
		api.RemoveTrustStoreRevocations.Update(s.removeTrustStoreRevocations),
		api.DescribeTrustStoreRevocations.View(s.describeTrustStoreRevocations),
		api.GetTrustStoreCaCertificatesBundle.View(s.getTrustStoreCaCertificatesBundle),
		api.GetTrustStoreRevocationContent.View(s.getTrustStoreRevocationContent),
	}
}

// start begins the data path, and with it every load balancer that there is.
func (s *elb) start(ctx context.Context, c cloud.Cloud) error {
	if err := s.data.Start(ctx, c); err != nil {
		return err
	}
	c.Go("elbv2.follow", func(ctx context.Context) { s.follow(ctx, c) })
	c.Go("elbv2.health", func(ctx context.Context) { s.note(ctx, c) })
	return c.DB().Update(ctx, func(tx store.Tx) error {
		tx.After(zero, adoptController, store.K())
		return nil
	})
}

// reset forgets what is kept in memory and ends all load balancers, after the
// state was cleared.
func (s *elb) reset() {
	s.logs.Reset()
	s.told.reset()
	s.rest.reset()
	for _, id := range s.data.Balancers() {
		if isOurs(id) {
			// What is removed has no state left that could be wrong.
			_ = s.data.Remove(context.Background(), id)
		}
	}
}
