package group

import (
	"slices"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/store"
)

// notificationTypes are the events that topics can be told of.
var notificationTypes = []string{
	"autoscaling:EC2_INSTANCE_LAUNCH", "autoscaling:EC2_INSTANCE_LAUNCH_ERROR", "autoscaling:EC2_INSTANCE_TERMINATE",
	"autoscaling:EC2_INSTANCE_TERMINATE_ERROR", "autoscaling:TEST_NOTIFICATION",
}

func putNotificationConfiguration(c *cloud.Call, tx store.Tx, in *api.PutNotificationConfigurationInput) (*cloud.Empty, error) {
	g, err := findLive(c, tx, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	if a, ok := cloud.ParseARN(in.TopicARN); !ok || a.Service != "sns" {
		return nil, Invalid("Invalid TopicARN: %s", in.TopicARN)
	}
	for _, t := range in.NotificationTypes {
		if !slices.Contains(notificationTypes, t) {
			return nil, Invalid("%s is not a valid Notification Type", t)
		}
	}
	d := g.Clone()
	d.Notifications = slices.DeleteFunc(d.Notifications, func(n Notification) bool { return n.Topic == in.TopicARN })
	d.Notifications = append(d.Notifications, Notification{Topic: in.TopicARN, Types: in.NotificationTypes})
	if len(d.Notifications) > mostTopics {
		return nil, errLimit("topics of an AutoScalingGroup", mostTopics)
	}
	Groups.Put(tx, d)
	return &cloud.Empty{}, nil
}

func deleteNotificationConfiguration(c *cloud.Call, tx store.Tx, in *api.DeleteNotificationConfigurationInput) (*cloud.Empty, error) {
	g, err := findLive(c, tx, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	d := g.Clone()
	d.Notifications = slices.DeleteFunc(d.Notifications, func(n Notification) bool { return n.Topic == in.TopicARN })
	if len(d.Notifications) == len(g.Notifications) {
		return nil, Invalid("The topic %s is not configured for notifications of the AutoScalingGroup %s", in.TopicARN, g.Name)
	}
	Groups.Put(tx, d)
	return &cloud.Empty{}, nil
}

func describeNotificationConfigurations(c *cloud.Call, r store.Reader, in *api.DescribeNotificationConfigurationsInput) (*api.DescribeNotificationConfigurationsOutput, error) {
	var all []api.NotificationConfiguration
	for g := range Groups.Scan(r, c.Account, c.Region) {
		if len(in.AutoScalingGroupNames) > 0 && !slices.Contains(in.AutoScalingGroupNames, g.Name) {
			continue
		}
		for _, n := range g.Notifications {
			for _, t := range n.Types {
				all = append(all, api.NotificationConfiguration{AutoScalingGroupName: &g.Name, TopicARN: &n.Topic, NotificationType: &t})
			}
		}
	}
	list, next, err := page(all, in.MaxRecords, in.NextToken, func(n api.NotificationConfiguration) string {
		return *n.AutoScalingGroupName + "\n" + *n.TopicARN + "\n" + *n.NotificationType
	})
	return &api.DescribeNotificationConfigurationsOutput{NotificationConfigurations: list, NextToken: next}, err
}
