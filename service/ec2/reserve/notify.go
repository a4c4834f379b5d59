package reserve

import (
	"slices"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// notification is which tags of instances notifications of their scheduled
// events show.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/event-notifications.html
type notification struct {
	Account, Region string
	All             bool
	Keys            []string
}

var notifications = &store.Table[notification]{
	Name: "ec2.eventnotification",
	Key:  func(n *notification) store.Key { return store.K(n.Account, n.Region) },
}

func notificationOf(c *cloud.Call, r store.Reader) *notification {
	if n, ok := notifications.Get(r, c.Account, c.Region); ok {
		return new(*n)
	}
	return &notification{Account: c.Account, Region: c.Region}
}

func (n *notification) api() *api.InstanceTagNotificationAttribute {
	return &api.InstanceTagNotificationAttribute{IncludeAllTagsOfInstance: &n.All, InstanceTagKeys: append([]string{}, n.Keys...)}
}

// chosen refuses attributes that say both or nothing.
func chosen(all *bool, keys []string) error {
	if (all == nil) == (len(keys) == 0) {
		return resource.Combination("Exactly one of IncludeAllTagsOfInstance and InstanceTagKeys must be specified.")
	}
	return nil
}

func registerInstanceEventNotificationAttributes(c *cloud.Call, tx store.Tx, in *api.RegisterInstanceEventNotificationAttributesInput) (*api.RegisterInstanceEventNotificationAttributesOutput, error) {
	a := &in.InstanceTagAttribute
	if err := chosen(a.IncludeAllTagsOfInstance, a.InstanceTagKeys); err != nil {
		return nil, err
	}
	n := notificationOf(c, tx)
	if n.All = cloud.Or(a.IncludeAllTagsOfInstance, n.All); n.All {
		n.Keys = nil
	}
	n.Keys = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(n.Keys), a.InstanceTagKeys...))))
	notifications.Put(tx, n)
	return &api.RegisterInstanceEventNotificationAttributesOutput{InstanceTagAttribute: n.api()}, nil
}

func deregisterInstanceEventNotificationAttributes(c *cloud.Call, tx store.Tx, in *api.DeregisterInstanceEventNotificationAttributesInput) (*api.DeregisterInstanceEventNotificationAttributesOutput, error) {
	a := &in.InstanceTagAttribute
	if err := chosen(a.IncludeAllTagsOfInstance, a.InstanceTagKeys); err != nil {
		return nil, err
	}
	n := notificationOf(c, tx)
	if cloud.Or(a.IncludeAllTagsOfInstance, false) {
		n.All = false
	}
	n.Keys = slices.DeleteFunc(slices.Clone(n.Keys), func(k string) bool { return slices.Contains(a.InstanceTagKeys, k) })
	notifications.Put(tx, n)
	return &api.DeregisterInstanceEventNotificationAttributesOutput{InstanceTagAttribute: n.api()}, nil
}

func describeInstanceEventNotificationAttributes(c *cloud.Call, r store.Reader, _ *api.DescribeInstanceEventNotificationAttributesInput) (*api.DescribeInstanceEventNotificationAttributesOutput, error) {
	return &api.DescribeInstanceEventNotificationAttributesOutput{InstanceTagAttribute: notificationOf(c, r).api()}, nil
}
