// Package attach joins load balancers to the rest of the cloud: what both
// services of Elastic Load Balancing need beside the traffic itself.
//
//	node.go         a load balancer's network interfaces, one in each subnet
//	name.go         its DNS names, and the hosted zones that AWS has for them
//	certificate.go  certificates by their ARNs
//	log.go          log records, on their way to a bucket
//	deliver.go      files of log records
//	error.go        codes of answers
//	data.go         the one engine that both services use
//	silent.go       listening where there are no packets
//
// What it asks of EC2 and S3 it asks through their APIs: of EC2 as the
// service-linked role of Elastic Load Balancing.
package attach

import (
	"pileus/cloud"
	"pileus/identity"
)

// Service is the principal of Elastic Load Balancing.
const Service = "elasticloadbalancing.amazonaws.com"

// As is the call as the account, through the role of Elastic Load Balancing.
func As(c *cloud.Call) *cloud.Call { return identity.AsLinked(c, Service) }
