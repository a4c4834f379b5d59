package autoscaling_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pileus/all"
	"pileus/ami"
	api "pileus/api/autoscaling"
	"pileus/api/iam"
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/plane/sim"
)

// trial runs one operation as somebody.
type trial func(c *cloud.Call) error

func of[In, Out any](op *cloud.Op[In, Out], in In) trial {
	return func(c *cloud.Call) error {
		_, err := op.Call(c, in)
		return err
	}
}

// row is an operation with the actions that it needs.
type row struct {
	actions []string
	try     trial
}

// stage is a cloud with a group that has one instance.
type stage struct {
	*nodetest.World
	instance string
}

func newStage(t *testing.T) *stage {
	x := &stage{World: nodetest.Start(t, node.Options{Plane: sim.New(t.TempDir()), Rehearse: true, Seed: 1, Modules: func(parts node.Parts) []cloud.Module {
		return slices.DeleteFunc(all.Modules(parts), func(m cloud.Module) bool {
			return !slices.Contains([]string{"iam", "sts", "ec2", "autoscaling", "elb", "elbv2"}, m.API.Name)
		})
	}})}
	nodetest.Do(x.World, &api.CreateLaunchConfiguration, x.configuration("lc"))
	nodetest.Do(x.World, &api.CreateAutoScalingGroup, x.group("g", 1))
	nodetest.Do(x.World, &api.PutLifecycleHook, &api.PutLifecycleHookInput{AutoScalingGroupName: "g", LifecycleHookName: "h", LifecycleTransition: new("autoscaling:EC2_INSTANCE_TERMINATING")})
	nodetest.Do(x.World, &api.PutNotificationConfiguration, &api.PutNotificationConfigurationInput{AutoScalingGroupName: "g", TopicARN: topic, NotificationTypes: []string{"autoscaling:TEST_NOTIFICATION"}})
	x.Advance(time.Minute)
	x.instance = nodetest.Do(x.World, &api.DescribeAutoScalingInstances, &api.DescribeAutoScalingInstancesInput{}).AutoScalingInstances[0].InstanceId
	return x
}

const topic = "arn:aws:sns:us-east-1:000000000000:t"

func (x *stage) configuration(name string) *api.CreateLaunchConfigurationInput {
	return &api.CreateLaunchConfigurationInput{LaunchConfigurationName: name, ImageId: new(ami.All()[0].ID(nodetest.Region)), InstanceType: new("t3.micro")}
}

func (x *stage) group(name string, n int32) *api.CreateAutoScalingGroupInput {
	return &api.CreateAutoScalingGroupInput{AutoScalingGroupName: name, LaunchConfigurationName: new("lc"), MaxSize: 3, DesiredCapacity: &n, AvailabilityZones: []string{"us-east-1a"}}
}

func tag(key string) []api.Tag {
	return []api.Tag{{ResourceId: new("g"), ResourceType: new("auto-scaling-group"), Key: key, Value: new("x")}}
}

// operations are those of groups and launch configurations, each with the
// actions that it needs.
func (x *stage) operations() map[string]row {
	list := map[string]row{}
	add := func(name string, try trial, more ...string) {
		action, _, _ := strings.Cut(name, " ")
		list[name] = row{append([]string{"autoscaling:" + action}, more...), try}
	}
	tagged := x.group("tagged", 0)
	tagged.Tags = []api.Tag{{Key: "a"}}
	profiled := x.configuration("profiled")
	profiled.IamInstanceProfile = new("p")
	query := &api.ScalingProcessQuery{AutoScalingGroupName: "g", ScalingProcesses: []string{"AZRebalance"}}
	ids := []string{x.instance}
	for name, try := range map[string]trial{
		"DescribeAccountLimits":                of(&api.DescribeAccountLimits, &cloud.Empty{}),
		"DescribeAccountSettings":              of(&api.DescribeAccountSettings, &api.DescribeAccountSettingsInput{}),
		"DescribeAdjustmentTypes":              of(&api.DescribeAdjustmentTypes, &cloud.Empty{}),
		"DescribeAutoScalingGroups":            of(&api.DescribeAutoScalingGroups, &api.DescribeAutoScalingGroupsInput{}),
		"DescribeAutoScalingInstances":         of(&api.DescribeAutoScalingInstances, &api.DescribeAutoScalingInstancesInput{}),
		"DescribeAutoScalingNotificationTypes": of(&api.DescribeAutoScalingNotificationTypes, &cloud.Empty{}),
		"DescribeLaunchConfigurations":         of(&api.DescribeLaunchConfigurations, &api.DescribeLaunchConfigurationsInput{}),
		"DescribeLifecycleHookTypes":           of(&api.DescribeLifecycleHookTypes, &cloud.Empty{}),
		"DescribeLifecycleHooks":               of(&api.DescribeLifecycleHooks, &api.DescribeLifecycleHooksInput{AutoScalingGroupName: "g"}),
		"DescribeLoadBalancerTargetGroups":     of(&api.DescribeLoadBalancerTargetGroups, &api.DescribeLoadBalancerTargetGroupsInput{AutoScalingGroupName: "g"}),
		"DescribeLoadBalancers":                of(&api.DescribeLoadBalancers, &api.DescribeLoadBalancersInput{AutoScalingGroupName: "g"}),
		"DescribeMetricCollectionTypes":        of(&api.DescribeMetricCollectionTypes, &cloud.Empty{}),
		"DescribeNotificationConfigurations":   of(&api.DescribeNotificationConfigurations, &api.DescribeNotificationConfigurationsInput{}),
		"DescribeScalingActivities":            of(&api.DescribeScalingActivities, &api.DescribeScalingActivitiesInput{}),
		"DescribeScalingProcessTypes":          of(&api.DescribeScalingProcessTypes, &cloud.Empty{}),
		"DescribeTags":                         of(&api.DescribeTags, &api.DescribeTagsInput{}),
		"DescribeTerminationPolicyTypes":       of(&api.DescribeTerminationPolicyTypes, &cloud.Empty{}),
		"DescribeTrafficSources":               of(&api.DescribeTrafficSources, &api.DescribeTrafficSourcesInput{AutoScalingGroupName: "g"}),

		"CreateAutoScalingGroup":              of(&api.CreateAutoScalingGroup, x.group("new", 0)),
		"CreateLaunchConfiguration":           of(&api.CreateLaunchConfiguration, x.configuration("new")),
		"CreateOrUpdateTags":                  of(&api.CreateOrUpdateTags, &api.CreateOrUpdateTagsInput{Tags: tag("a")}),
		"DeleteAutoScalingGroup":              of(&api.DeleteAutoScalingGroup, &api.DeleteAutoScalingGroupInput{AutoScalingGroupName: "g", ForceDelete: new(true)}),
		"DeleteLifecycleHook":                 of(&api.DeleteLifecycleHook, &api.DeleteLifecycleHookInput{AutoScalingGroupName: "g", LifecycleHookName: "h"}),
		"DeleteNotificationConfiguration":     of(&api.DeleteNotificationConfiguration, &api.DeleteNotificationConfigurationInput{AutoScalingGroupName: "g", TopicARN: topic}),
		"DeleteTags":                          of(&api.DeleteTags, &api.DeleteTagsInput{Tags: tag("a")}),
		"DetachInstances":                     of(&api.DetachInstances, &api.DetachInstancesInput{AutoScalingGroupName: "g", InstanceIds: ids}),
		"DisableMetricsCollection":            of(&api.DisableMetricsCollection, &api.DisableMetricsCollectionInput{AutoScalingGroupName: "g"}),
		"EnableMetricsCollection":             of(&api.EnableMetricsCollection, &api.EnableMetricsCollectionInput{AutoScalingGroupName: "g", Granularity: "1Minute"}),
		"EnterStandby":                        of(&api.EnterStandby, &api.EnterStandbyInput{AutoScalingGroupName: "g", InstanceIds: ids}),
		"ExitStandby":                         of(&api.ExitStandby, &api.ExitStandbyInput{AutoScalingGroupName: "g"}),
		"PutAccountSetting":                   of(&api.PutAccountSetting, &api.PutAccountSettingInput{Name: "launchBeforeTerminate", Value: "enabled"}),
		"PutLifecycleHook":                    of(&api.PutLifecycleHook, &api.PutLifecycleHookInput{AutoScalingGroupName: "g", LifecycleHookName: "h"}),
		"PutNotificationConfiguration":        of(&api.PutNotificationConfiguration, &api.PutNotificationConfigurationInput{AutoScalingGroupName: "g", TopicARN: topic, NotificationTypes: []string{"autoscaling:EC2_INSTANCE_LAUNCH"}}),
		"ResumeProcesses":                     of(&api.ResumeProcesses, query),
		"SetDesiredCapacity":                  of(&api.SetDesiredCapacity, &api.SetDesiredCapacityInput{AutoScalingGroupName: "g", DesiredCapacity: 2}),
		"SetInstanceHealth":                   of(&api.SetInstanceHealth, &api.SetInstanceHealthInput{InstanceId: x.instance, HealthStatus: "Healthy"}),
		"SetInstanceProtection":               of(&api.SetInstanceProtection, &api.SetInstanceProtectionInput{AutoScalingGroupName: "g", InstanceIds: ids}),
		"SuspendProcesses":                    of(&api.SuspendProcesses, query),
		"TerminateInstanceInAutoScalingGroup": of(&api.TerminateInstanceInAutoScalingGroup, &api.TerminateInstanceInAutoScalingGroupInput{InstanceId: &x.instance}),
		"UpdateAutoScalingGroup":              of(&api.UpdateAutoScalingGroup, &api.UpdateAutoScalingGroupInput{AutoScalingGroupName: "g", MaxSize: new(int32(4))}),
	} {
		add(name, try)
	}
	add("CreateAutoScalingGroup with tags", of(&api.CreateAutoScalingGroup, tagged), "autoscaling:CreateOrUpdateTags")
	add("CreateLaunchConfiguration with a role", of(&api.CreateLaunchConfiguration, profiled), "iam:PassRole")
	// What the handler refuses was allowed.
	arns, names := []string{"arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/x/0123456789abcdef"}, []string{"x"}
	sources := []api.TrafficSourceIdentifier{{Identifier: "x"}}
	add("AttachLoadBalancerTargetGroups", refuses("ValidationError", of(&api.AttachLoadBalancerTargetGroups, &api.AttachLoadBalancerTargetGroupsInput{AutoScalingGroupName: "g", TargetGroupARNs: arns})))
	add("AttachLoadBalancers", refuses("ValidationError", of(&api.AttachLoadBalancers, &api.AttachLoadBalancersInput{AutoScalingGroupName: "g", LoadBalancerNames: names})))
	add("AttachTrafficSources", refuses("ValidationError", of(&api.AttachTrafficSources, &api.AttachTrafficSourcesInput{AutoScalingGroupName: "g", TrafficSources: sources})))
	add("DetachLoadBalancerTargetGroups", refuses("ValidationError", of(&api.DetachLoadBalancerTargetGroups, &api.DetachLoadBalancerTargetGroupsInput{AutoScalingGroupName: "g", TargetGroupARNs: arns})))
	add("DetachLoadBalancers", refuses("ValidationError", of(&api.DetachLoadBalancers, &api.DetachLoadBalancersInput{AutoScalingGroupName: "g", LoadBalancerNames: names})))
	add("DetachTrafficSources", refuses("ValidationError", of(&api.DetachTrafficSources, &api.DetachTrafficSourcesInput{AutoScalingGroupName: "g", TrafficSources: sources})))
	add("LaunchInstances", refuses("ValidationError", of(&api.LaunchInstances, &api.LaunchInstancesInput{AutoScalingGroupName: "g", RequestedCapacity: 1, ClientToken: "t"})))
	add("AttachInstances", refuses("ValidationError", of(&api.AttachInstances, &api.AttachInstancesInput{AutoScalingGroupName: "g", InstanceIds: ids})))
	add("CompleteLifecycleAction", refuses("ValidationError", of(&api.CompleteLifecycleAction, &api.CompleteLifecycleActionInput{AutoScalingGroupName: "g", LifecycleHookName: "h", InstanceId: &x.instance, LifecycleActionResult: "CONTINUE"})))
	add("RecordLifecycleActionHeartbeat", refuses("ValidationError", of(&api.RecordLifecycleActionHeartbeat, &api.RecordLifecycleActionHeartbeatInput{AutoScalingGroupName: "g", LifecycleHookName: "h", InstanceId: &x.instance})))
	add("DeleteLaunchConfiguration", refuses("ResourceInUse", of(&api.DeleteLaunchConfiguration, &api.DeleteLaunchConfigurationInput{LaunchConfigurationName: "lc"})))
	return list
}

// refuses takes the refusal of a handler for a success.
func refuses(code string, try trial) trial {
	return func(c *cloud.Call) error {
		err := try(c)
		if e, ok := err.(*cloud.Error); ok && e.Code == code {
			return nil
		}
		return err
	}
}

func denied(err error) bool {
	e, ok := err.(*cloud.Error)
	return ok && e.Code == "AccessDenied"
}

// TestWhoMay runs each operation with no permission, with all but one of those
// that it needs, and with exactly those.
func TestWhoMay(t *testing.T) {
	names := map[string]bool{}
	for name := range newStage(t).operations() {
		names[name] = true
		t.Run(name, func(t *testing.T) {
			x := newStage(t)
			role := nodetest.Do(x.World, &iam.CreateRole, &iam.CreateRoleInput{RoleName: "r", AssumeRolePolicyDocument: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`}).Role
			nodetest.Do(x.World, &iam.CreateInstanceProfile, &iam.CreateInstanceProfileInput{InstanceProfileName: "p"})
			nodetest.Do(x.World, &iam.AddRoleToInstanceProfile, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: "p", RoleName: role.RoleName})
			op := x.operations()[name]
			for i := range op.actions {
				rest := append(append([]string{"s3:Nothing"}, op.actions[:i]...), op.actions[i+1:]...)
				if err := op.try(x.As(x.User("nearly", nodetest.Allow(rest...)))); !denied(err) {
					t.Errorf("without %s: %v", op.actions[i], err)
				}
			}
			if err := op.try(x.As(x.User("allowed", nodetest.Allow(op.actions...)))); err != nil {
				t.Errorf("with %v: %v", op.actions, err)
			}
		})
	}
}

// TestEveryOperationIsDeclared finds operations that are bound and that nobody
// could call.
func TestEveryOperationIsDeclared(t *testing.T) {
	for _, m := range all.Modules(node.Parts{Plane: sim.New(t.TempDir())}) {
		if m.API.Name != "autoscaling" {
			continue
		}
		declared := map[string]int{}
		for _, a := range m.Access {
			declared[a.Op.Name]++
		}
		for _, b := range m.Operations {
			if declared[b.Op.Name] != 1 {
				t.Errorf("%s is declared %d times", b.Op.Name, declared[b.Op.Name])
			}
		}
		if len(m.Operations) != len(api.Service.Ops) {
			t.Errorf("%d of %d operations are bound", len(m.Operations), len(api.Service.Ops))
		}
	}
}

func TestTagsAndSizesDecide(t *testing.T) {
	x := newStage(t)
	byTag := x.As(x.User("t", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"autoscaling:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"x"}}}]}`))
	set := of(&api.SetDesiredCapacity, &api.SetDesiredCapacityInput{AutoScalingGroupName: "g", DesiredCapacity: 1})
	if err := set(byTag); !denied(err) {
		t.Errorf("without the tag: %v", err)
	}
	nodetest.Do(x.World, &api.CreateOrUpdateTags, &api.CreateOrUpdateTagsInput{Tags: tag("team")})
	if err := set(byTag); err != nil {
		t.Errorf("with the tag: %v", err)
	}
	small := x.As(x.User("s", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"autoscaling:*","Resource":"*","Condition":{"NumericLessThanEqualsIfExists":{"autoscaling:MaxSize":"3"}}}]}`))
	update := func(n int32) trial {
		return of(&api.UpdateAutoScalingGroup, &api.UpdateAutoScalingGroupInput{AutoScalingGroupName: "g", MaxSize: &n})
	}
	if err := update(3)(small); err != nil {
		t.Errorf("a small group: %v", err)
	}
	if err := update(4)(small); !denied(err) {
		t.Errorf("a large group: %v", err)
	}
}
