// Package all lists the services: the only place that knows every one.
package all

import (
	"pileus/cloud"
	"pileus/node"
	"pileus/service/cloudwatch"
	"pileus/service/dlm"
	"pileus/service/ec2"
	"pileus/service/ec2/ebs/direct"
	"pileus/service/iam"
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
	return []cloud.Module{
		ec2.Module(ec2.Parts{Plane: p.Plane, Authority: p.Authority, Log: p.Log}),
		cloudwatch.Module(),
		iam.Module(),
		organizations.Module(),
		s3.Module(),
		sqs.Module(),
		ssm.Module(),
		sts.Module(),
		s3control.Module(),
		direct.Module(),
		dlm.Module(),
		rbin.Module(),
	}
}
