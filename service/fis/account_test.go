package fis_test

import (
	"strings"
	"testing"

	"pileus/ami"
	"pileus/api/ec2"
	api "pileus/api/fis"
	"pileus/api/iam"
	"pileus/node/nodetest"
)

// TestOtherAccounts: an experiment reaches into another account as the role that
// it has there, and no further.
func TestOtherAccounts(t *testing.T) {
	const other = "222222222222"
	w := newWorld(t)
	w.roleFor("ec2:*")
	admin := w.As(w.UserIn(other, "admin", nodetest.Allow("*")))
	if _, err := iam.CreateRole.Call(admin, &iam.CreateRoleInput{RoleName: "chaos", AssumeRolePolicyDocument: trust}); err != nil {
		t.Fatal(err)
	}
	if _, err := iam.PutRolePolicy.Call(admin, &iam.PutRolePolicyInput{RoleName: "chaos", PolicyName: "p", PolicyDocument: nodetest.Allow("ec2:*")}); err != nil {
		t.Fatal(err)
	}
	out, err := ec2.RunInstances.Call(admin, &ec2.RunInstancesInput{
		ImageId: new(ami.All()[0].ID(nodetest.Region)), InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1,
		TagSpecifications: []ec2.TagSpecification{{ResourceType: new("instance"), Tags: []ec2.Tag{{Key: new("app"), Value: new("web")}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Drain()
	theirs := *out.Instances[0].InstanceId
	state := func() string {
		out, err := ec2.DescribeInstances.Call(admin, &ec2.DescribeInstancesInput{InstanceIds: []string{theirs}})
		if err != nil {
			t.Fatal(err)
		}
		return *out.Reservations[0].Instances[0].State.Name
	}

	r := w.recipe().action("stop", "aws:ec2:stop-instances", "startInstancesAfterDuration=PT5M", "Instances>web")
	r.Targets["web"] = api.CreateExperimentTemplateTargetInput{ResourceType: "aws:ec2:instance", ResourceTags: map[string]string{"app": "web"}, SelectionMode: "ALL"}
	r.ExperimentOptions = &api.CreateExperimentTemplateExperimentOptionsInput{AccountTargeting: new("multi-account")}
	template := w.create(r)
	configure := func(account, role string) string {
		_, err := nodetest.Try(w.World, &api.CreateTargetAccountConfiguration, &api.CreateTargetAccountConfigurationInput{ExperimentTemplateId: template, AccountId: account, RoleArn: role})
		return code(err)
	}
	role := strings.ReplaceAll(w.role, nodetest.Account, other)
	for _, test := range []struct{ account, role, want string }{
		{"1", role, "ValidationException"}, {other, w.role, "ValidationException"}, {other, role, ""}, {other, role, "ConflictException"},
	} {
		if got := configure(test.account, test.role); got != test.want {
			t.Errorf("%s as %s: %q, want %q", test.account, test.role, got, test.want)
		}
	}
	if n := *nodetest.Do(w.World, &api.GetExperimentTemplate, &api.GetExperimentTemplateInput{Id: template}).ExperimentTemplate.TargetAccountConfigurationsCount; n != 1 {
		t.Errorf("%d accounts", n)
	}
	id := *nodetest.Do(w.World, &api.StartExperiment, &api.StartExperimentInput{ClientToken: "x", ExperimentTemplateId: template}).Experiment.Id
	w.Drain()
	w.is(id, "running stop:running")
	if got := state(); got != "stopped" {
		t.Errorf("their instance is %s", got)
	}
	nodetest.Do(w.World, &api.StopExperiment, &api.StopExperimentInput{Id: id})
	w.Drain()
	if got := state(); got != "running" {
		t.Errorf("their instance is %s after it", got)
	}
	nodetest.Do(w.World, &api.DeleteTargetAccountConfiguration, &api.DeleteTargetAccountConfigurationInput{ExperimentTemplateId: template, AccountId: other})
	id = *nodetest.Do(w.World, &api.StartExperiment, &api.StartExperimentInput{ClientToken: "y", ExperimentTemplateId: template}).Experiment.Id
	w.Drain()
	w.is(id, "failed stop:cancelled")
}
