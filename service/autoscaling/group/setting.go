package group

import (
	"cmp"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/store"
)

// launchFirst is the account setting that has successors of instances launched
// before those are terminated, wherever neither a group's maintenance policy nor
// a refresh says otherwise.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-account-settings.html
const launchFirst = "launchBeforeTerminate"

// Values of account settings.
const (
	enabled  = "enabled"
	disabled = "disabled"
)

// setting is an account's in a region.
type setting struct{ Account, Region, Name, Value string }

var settings = &store.Table[setting]{
	Name: "autoscaling.setting",
	Key:  func(s *setting) store.Key { return store.K(s.Account, s.Region, s.Name) },
}

func putAccountSetting(c *cloud.Call, tx store.Tx, in *api.PutAccountSettingInput) (*api.PutAccountSettingOutput, error) {
	if in.Name != launchFirst {
		return nil, errNoSetting(in.Name)
	}
	if in.Value != enabled && in.Value != disabled {
		return nil, Invalid("Invalid value %s for the account setting %s. Valid values are: [%s, %s]", in.Value, in.Name, enabled, disabled)
	}
	settings.Put(tx, &setting{Account: c.Account, Region: c.Region, Name: in.Name, Value: in.Value})
	for g := range Groups.Scan(tx, c.Account, c.Region) {
		Wake(tx, g, c.Now)
	}
	return &api.PutAccountSettingOutput{}, nil
}

func errNoSetting(name string) *cloud.Error {
	return Invalid("Invalid account setting name: %s. Valid names are: [%s]", name, launchFirst)
}

func describeAccountSettings(c *cloud.Call, r store.Reader, in *api.DescribeAccountSettingsInput) (*api.DescribeAccountSettingsOutput, error) {
	if name := cloud.Or(in.Name, launchFirst); name != launchFirst {
		return nil, errNoSetting(name)
	}
	value := disabled
	if s, ok := settings.Get(r, c.Account, c.Region, launchFirst); ok {
		value = s.Value
	}
	list := []api.AccountSetting{{Name: new(launchFirst), Value: &value, EnforcementType: new("none")}}
	list, next, err := page(list, cmp.Or(in.MaxRecords, new(int32(largestPage))), in.NextToken, func(s api.AccountSetting) string { return *s.Name })
	return &api.DescribeAccountSettingsOutput{Settings: list, NextToken: next}, err
}

// MaintenanceOf is a group's maintenance policy, or that of its account; nil for
// none.
func MaintenanceOf(r store.Reader, g *Group) *api.InstanceMaintenancePolicy {
	if g.Maintenance != nil {
		return g.Maintenance
	}
	if s, ok := settings.Get(r, g.Account, g.Region, launchFirst); ok && s.Value == enabled {
		return &api.InstanceMaintenancePolicy{MinHealthyPercentage: new(int32(100)), MaxHealthyPercentage: new(int32(110))}
	}
	return nil
}
