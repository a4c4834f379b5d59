// Package all lists the services: the only place that knows every one.
package all

import (
	"pileus/cloud"
	"pileus/lb/attach"
	"pileus/node"
	"pileus/service/arczonalshift"
	"pileus/service/autoscaling"
	"pileus/service/cloudwatch"
	"pileus/service/dlm"
	"pileus/service/ec2"
	"pileus/service/ec2/ebs/direct"
	"pileus/service/elb"
	"pileus/service/elbv2"
	"pileus/service/fis"
	"pileus/service/iam"
	"pileus/service/instanceconnect"
	"pileus/service/organizations"
	"pileus/service/rbin"
	"pileus/service/s3"
	"pileus/service/s3/s3control"
	"pileus/service/sqs"
	"pileus/service/ssm"
	"pileus/service/sts"
)

// Modules makes every service of the cloud.
func Modules(p node.Parts) []cloud.Module {
	balancers := attach.New(p.Plane, p.Clock, p.Log) // one data path for all load balancers
	return []cloud.Module{
		ec2.Module(ec2.Parts{Plane: p.Plane, Authority: p.Authority, Log: p.Log}),
		elbv2.Module(elbv2.Parts{Data: balancers}),
		cloudwatch.Module(),
		elb.Module(elb.Parts{Data: balancers, Log: p.Log}),
		autoscaling.Module(),
		arczonalshift.Module(),
		iam.Module(),
		instanceconnect.Module(instanceconnect.Parts{Plane: p.Plane}),
		organizations.Module(),
		s3.Module(),
		sqs.Module(),
		ssm.Module(),
		sts.Module(),
		s3control.Module(),
		direct.Module(),
		dlm.Module(),
		fis.Module(fis.Parts{Plane: p.Plane, Faults: p.Faults}),
		rbin.Module(),
	}
}
