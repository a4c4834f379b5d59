package dlm

import (
	"fmt"

	"pileus/api/sts"
	"pileus/cloud"
)

const (
	serviceName = "dlm.amazonaws.com"
	sessionName = "AWSDataLifecycleManager"
)

// assume is the call as the policy's role, which must trust the service.
func (p *policy) assume(c *cloud.Call) (*cloud.Call, error) {
	out, err := sts.AssumeRole.Call(c.AsService(serviceName, p.arn()), &sts.AssumeRoleInput{RoleArn: p.Role, RoleSessionName: sessionName})
	if err != nil {
		return nil, fmt.Errorf("assume %s: %w", p.Role, err)
	}
	_, who, err := c.Cloud.Credential(c, out.Credentials.AccessKeyId, out.Credentials.SessionToken)
	if err != nil {
		return nil, fmt.Errorf("assume %s: %w", p.Role, err)
	}
	return c.As(who), nil
}
