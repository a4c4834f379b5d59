package vpc

import (
	"testing"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
)

// TestGroupAnswers follows a rule of a group to its end, as the answers tell it.
func TestGroupAnswers(t *testing.T) {
	w := newWorld(t)
	v := w.vpc("10.0.0.0/16")
	made := nodetest.Do(w.World, &api.CreateSecurityGroup, &api.CreateSecurityGroupInput{GroupName: "web", Description: "web", VpcId: &v})
	arn := "arn:aws:ec2:us-east-1:000000000000:security-group/" + *made.GroupId
	shown := nodetest.Do(w.World, &api.DescribeSecurityGroups, &api.DescribeSecurityGroupsInput{GroupIds: []string{*made.GroupId}}).SecurityGroups[0]
	if *made.SecurityGroupArn != arn || *shown.SecurityGroupArn != arn || shown.Tags != nil {
		t.Errorf("made as %s, shown as %s with tags %v", *made.SecurityGroupArn, *shown.SecurityGroupArn, shown.Tags)
	}
	allow := []api.IpPermission{{IpProtocol: new("tcp"), FromPort: new(int32(80)), ToPort: new(int32(80)), IpRanges: []api.IpRange{{CidrIp: new("0.0.0.0/0"), Description: new("all")}}}}
	rule := nodetest.Do(w.World, &api.AuthorizeSecurityGroupIngress, &api.AuthorizeSecurityGroupIngressInput{GroupId: made.GroupId, IpPermissions: allow}).SecurityGroupRules[0]
	if want := "arn:aws:ec2:us-east-1:000000000000:security-group-rule/" + *rule.SecurityGroupRuleId; *rule.SecurityGroupRuleArn != want {
		t.Errorf("the rule is %s, not %s", *rule.SecurityGroupRuleArn, want)
	}
	out := nodetest.Do(w.World, &api.RevokeSecurityGroupIngress, &api.RevokeSecurityGroupIngressInput{GroupId: made.GroupId, IpPermissions: allow})
	if len(out.RevokedSecurityGroupRules) != 1 {
		t.Fatalf("revoked %v", out.RevokedSecurityGroupRules)
	}
	if r := out.RevokedSecurityGroupRules[0]; *r.SecurityGroupRuleId != *rule.SecurityGroupRuleId || *r.CidrIpv4 != "0.0.0.0/0" || *r.FromPort != 80 || *r.IsEgress || *r.Description != "all" {
		t.Errorf("revoked %+v", r)
	}
	gone := nodetest.Do(w.World, &api.DeleteSecurityGroup, &api.DeleteSecurityGroupInput{GroupId: made.GroupId})
	if !*gone.Return || *gone.GroupId != *made.GroupId {
		t.Errorf("deleted %+v", gone)
	}
	seen := nodetest.Do(w.World, &api.DescribeVpcs, &api.DescribeVpcsInput{VpcIds: []string{v}}).Vpcs[0]
	if seen.Tags != nil || *seen.BlockPublicAccessStates.InternetGatewayBlockMode != "off" {
		t.Errorf("the VPC has %v and %+v", seen.Tags, seen.BlockPublicAccessStates)
	}
}
