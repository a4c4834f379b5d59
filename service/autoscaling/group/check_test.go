package group_test

import (
	"slices"
	"testing"

	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/api/iam"
	"pileus/node/nodetest"
)

func TestWhatAGroupMustBe(t *testing.T) {
	w := newWorld(t)
	nodetest.Do(w.World, &api.CreateAutoScalingGroup, group("taken", 0, 1))
	for _, x := range []struct {
		name, code, words string
		edit              func(*api.CreateAutoScalingGroupInput)
	}{
		{"its name is taken", "AlreadyExists", "A group with the name taken already exists", func(in *api.CreateAutoScalingGroupInput) { in.AutoScalingGroupName = "taken" }},
		{"the maximum is below the minimum", "ValidationError", "must be greater than or equal to min bound", func(in *api.CreateAutoScalingGroupInput) { in.MinSize = 5 }},
		{"it wants more than it may", "ValidationError", "Desired capacity:9 must be between the specified min size:1 and max size:3", desired(9)},
		{"it has no zone", "ValidationError", "At least one Availability Zone or VPC Subnet is required.", func(in *api.CreateAutoScalingGroupInput) { in.AvailabilityZones = nil }},
		{"its zone is unknown", "ValidationError", "Invalid availability zones: [us-east-1q]", func(in *api.CreateAutoScalingGroupInput) { in.AvailabilityZones = []string{"us-east-1q"} }},
		{"it has nothing to launch", "ValidationError", "Valid requests must contain either LaunchTemplate", func(in *api.CreateAutoScalingGroupInput) { in.LaunchConfigurationName = nil }},
		{"its configuration is unknown", "ValidationError", "A launch configuration with the name: none does not exist", func(in *api.CreateAutoScalingGroupInput) { in.LaunchConfigurationName = new("none") }},
		{"its health check is unknown", "ValidationError", "Health Check type", func(in *api.CreateAutoScalingGroupInput) { in.HealthCheckType = new("TEA") }},
		{"its policy is a function", "ValidationError", "Custom termination policies are not available", func(in *api.CreateAutoScalingGroupInput) {
			in.TerminationPolicies = []string{"arn:aws:lambda:us-east-1:000000000000:function:f"}
		}},
		{"its policy is unknown", "ValidationError", "Termination policy Youngest is not valid", func(in *api.CreateAutoScalingGroupInput) { in.TerminationPolicies = []string{"Youngest"} }},
		{"its instances live too short", "ValidationError", "Maximum instance lifetime", func(in *api.CreateAutoScalingGroupInput) { in.MaxInstanceLifetime = new(int32(60)) }},
		{"its hook has no sense", "ValidationError", "Invalid LifecycleTransition", func(in *api.CreateAutoScalingGroupInput) {
			in.LifecycleHookSpecificationList = []api.LifecycleHookSpecification{{LifecycleHookName: "h", LifecycleTransition: "autoscaling:LUNCH"}}
		}},
		{"its tag is AWS's", "ValidationError", "reserved for internal use", func(in *api.CreateAutoScalingGroupInput) { in.Tags = []api.Tag{{Key: "aws:x"}} }},
		{"its target group is unknown", "ValidationError", "not found", func(in *api.CreateAutoScalingGroupInput) {
			in.TargetGroupARNs = []string{"arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/x/0123456789abcdef"}
		}},
		{"its maintenance policy is half", "ValidationError", "Both MinHealthyPercentage and MaxHealthyPercentage", func(in *api.CreateAutoScalingGroupInput) {
			in.InstanceMaintenancePolicy = &api.InstanceMaintenancePolicy{MinHealthyPercentage: new(int32(90)), MaxHealthyPercentage: new(int32(-1))}
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			refused(w, x.code, x.words, &api.CreateAutoScalingGroup, group("g", 1, 3, x.edit))
		})
	}
	if role := nodetest.Do(w.World, &iam.GetRole, &iam.GetRoleInput{RoleName: "AWSServiceRoleForAutoScaling"}).Role; role.Path != "/aws-service-role/autoscaling.amazonaws.com/" {
		t.Errorf("the service's role: %+v", role)
	}
}

func TestAGroupLikeAnInstance(t *testing.T) {
	w := newWorld(t)
	id := *nodetest.Do(w.World, &ec2.RunInstances, &ec2.RunInstancesInput{ImageId: new(image()), InstanceType: new("t3.small"), MinCount: 1, MaxCount: 1}).Instances[0].InstanceId
	w.settle()
	w.create(group("g", 1, 1, func(in *api.CreateAutoScalingGroupInput) {
		in.LaunchConfigurationName, in.AvailabilityZones, in.InstanceId = nil, nil, &id
	}))
	w.serving("g", 1)
	l := nodetest.Do(w.World, &api.DescribeLaunchConfigurations, &api.DescribeLaunchConfigurationsInput{LaunchConfigurationNames: []string{"g"}}).LaunchConfigurations
	if len(l) != 1 || l[0].InstanceType != "t3.small" || l[0].ImageId != image() || l[0].ClassicLinkVPCSecurityGroups == nil {
		t.Errorf("launch configurations: %+v", l)
	}
}

func TestTagsPagesAndNotifications(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a", "b", "c"} {
		nodetest.Do(w.World, &api.CreateAutoScalingGroup, group(name, 0, 1, func(in *api.CreateAutoScalingGroupInput) {
			in.Tags = []api.Tag{{Key: "name", Value: &name}, {Key: "kind", Value: new("x"), PropagateAtLaunch: new(name == "b")}}
		}))
	}
	var names []string
	in := &api.DescribeAutoScalingGroupsInput{MaxRecords: new(int32(2))}
	for pages := 0; ; pages++ {
		out := nodetest.Do(w.World, &api.DescribeAutoScalingGroups, in)
		for _, g := range out.AutoScalingGroups {
			names = append(names, g.AutoScalingGroupName)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil || pages == 5 {
			break
		}
	}
	if !slices.Equal(names, []string{"a", "b", "c"}) {
		t.Errorf("pages hold %v", names)
	}
	for _, x := range []struct {
		filters []api.Filter
		want    int
	}{
		{nil, 6},
		{[]api.Filter{{Name: new("key"), Values: []string{"kind"}}}, 3},
		{[]api.Filter{{Name: new("auto-scaling-group"), Values: []string{"a", "b"}}, {Name: new("value"), Values: []string{"x"}}}, 2},
		{[]api.Filter{{Name: new("propagate-at-launch"), Values: []string{"true"}}}, 1},
	} {
		if got := nodetest.Do(w.World, &api.DescribeTags, &api.DescribeTagsInput{Filters: x.filters}).Tags; len(got) != x.want {
			t.Errorf("%d tags, want %d", len(got), x.want)
		}
	}
	refused(w, "ValidationError", "Filter type colour is not correct", &api.DescribeTags, &api.DescribeTagsInput{Filters: []api.Filter{{Name: new("colour")}}})
	refused(w, "ValidationError", "less than or equal to 100", &api.DescribeTags, &api.DescribeTagsInput{MaxRecords: new(int32(101))})
	refused(w, "ValidationError", "greater than or equal to 1", &api.DescribeTags, &api.DescribeTagsInput{MaxRecords: new(int32(0))})
	refused(w, "ValidationError", "less than or equal to 50", &api.DescribeAutoScalingInstances, &api.DescribeAutoScalingInstancesInput{MaxRecords: new(int32(51))})
	refused(w, "ValidationError", "less than or equal to 50", &api.DescribeTrafficSources, &api.DescribeTrafficSourcesInput{AutoScalingGroupName: "a", MaxRecords: new(int32(51))})
	refused(w, "InvalidNextToken", "", &api.DescribeTags, &api.DescribeTagsInput{NextToken: new("?")})
	gone := 0
	for in := (&api.DescribeTagsInput{MaxRecords: new(int32(2))}); gone == 0 || in.NextToken != nil; { // scripts that clean up delete page by page
		out := nodetest.Do(w.World, &api.DescribeTags, in)
		for _, tag := range out.Tags {
			nodetest.Do(w.World, &api.DeleteTags, &api.DeleteTagsInput{Tags: []api.Tag{{ResourceId: tag.ResourceId, ResourceType: tag.ResourceType, Key: *tag.Key}}})
			gone++
		}
		in.NextToken = out.NextToken
	}
	if gone != 6 {
		t.Errorf("%d tags were shown to be deleted", gone)
	}
	refused(w, "InvalidNextToken", "", &api.DescribeAutoScalingGroups, &api.DescribeAutoScalingGroupsInput{NextToken: new("abc")})

	topic := "arn:aws:sns:us-east-1:000000000000:t"
	nodetest.Do(w.World, &api.PutNotificationConfiguration, &api.PutNotificationConfigurationInput{AutoScalingGroupName: "a", TopicARN: topic, NotificationTypes: []string{"autoscaling:EC2_INSTANCE_LAUNCH", "autoscaling:EC2_INSTANCE_TERMINATE"}})
	if got := nodetest.Do(w.World, &api.DescribeNotificationConfigurations, &api.DescribeNotificationConfigurationsInput{}).NotificationConfigurations; len(got) != 2 {
		t.Errorf("notifications: %+v", got)
	}
	nodetest.Do(w.World, &api.DeleteNotificationConfiguration, &api.DeleteNotificationConfigurationInput{AutoScalingGroupName: "a", TopicARN: topic})
	refused(w, "ValidationError", "is not a valid Notification Type", &api.PutNotificationConfiguration, &api.PutNotificationConfigurationInput{AutoScalingGroupName: "a", TopicARN: topic, NotificationTypes: []string{"x"}})
}
