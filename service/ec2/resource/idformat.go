package resource

import (
	"slices"
	"strings"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/store"
)

// Since 2018 all ids of EC2 are long: seventeen digits. The operations by which
// accounts chose between long and short ones are still there, and say so.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html

// idFormats are the types in the order of their names, each with the deadline
// after which all ids were long.
func idFormats() (list []api.IdFormat) {
	first, second := time.Date(2016, time.December, 15, 0, 0, 0, 0, time.UTC), time.Date(2018, time.July, 1, 0, 0, 0, 0, time.UTC)
	add := func(deadline time.Time, names ...string) {
		for _, n := range names {
			list = append(list, api.IdFormat{Resource: &n, Deadline: &deadline, UseLongIds: new(true)})
		}
	}
	add(first, "instance", "reservation", "snapshot", "volume")
	add(second, "bundle", "conversion-task", "customer-gateway", "dhcp-options", "elastic-ip-allocation", "elastic-ip-association", "export-task", "flow-log",
		"image", "import-task", "internet-gateway", "network-acl", "network-acl-association", "network-interface", "network-interface-attachment", "prefix-list",
		"route-table", "route-table-association", "security-group", "subnet", "subnet-cidr-block-association", "vpc", "vpc-cidr-block-association",
		"vpc-endpoint", "vpc-peering-connection", "vpn-connection", "vpn-gateway")
	slices.SortFunc(list, func(a, b api.IdFormat) int { return strings.Compare(*a.Resource, *b.Resource) })
	return list
}

// formatsOf are the formats of some types, of all where there are none.
func formatsOf(names ...string) ([]api.IdFormat, error) {
	all := idFormats()
	if len(names) == 0 {
		return all, nil
	}
	var list []api.IdFormat
	for _, n := range names {
		i := slices.IndexFunc(all, func(f api.IdFormat) bool { return *f.Resource == n })
		if i < 0 {
			return nil, Errorf("InvalidParameterValue", "Invalid value '%s' for resource.", n)
		}
		list = append(list, all[i])
	}
	return list, nil
}

// given is a list of the one name that a request may give.
func given(name *string) []string {
	if cloud.Or(name, "") == "" {
		return nil
	}
	return []string{*name}
}

func describeIdFormat(_ *cloud.Call, _ store.Reader, in *api.DescribeIdFormatInput) (*api.DescribeIdFormatOutput, error) {
	list, err := formatsOf(given(in.Resource)...)
	return &api.DescribeIdFormatOutput{Statuses: list}, err
}

func describeIdentityIdFormat(c *cloud.Call, _ store.Reader, in *api.DescribeIdentityIdFormatInput) (*api.DescribeIdentityIdFormatOutput, error) {
	if err := checkPrincipal(c, in.PrincipalArn); err != nil {
		return nil, err
	}
	list, err := formatsOf(given(in.Resource)...)
	return &api.DescribeIdentityIdFormatOutput{Statuses: list}, err
}

// describePrincipalIdFormat lists those who made a choice of their own; there
// is none to make.
func describePrincipalIdFormat(_ *cloud.Call, _ store.Reader, in *api.DescribePrincipalIdFormatInput) (*api.DescribePrincipalIdFormatOutput, error) {
	_, err := formatsOf(in.Resources...)
	return &api.DescribePrincipalIdFormatOutput{Principals: []api.PrincipalIdFormat{}}, err
}

func describeAggregateIdFormat(*cloud.Call, store.Reader, *api.DescribeAggregateIdFormatInput) (*api.DescribeAggregateIdFormatOutput, error) {
	return &api.DescribeAggregateIdFormatOutput{UseLongIdsAggregated: new(true), Statuses: idFormats()}, nil
}

func modifyIdFormat(_ *cloud.Call, _ store.Reader, in *api.ModifyIdFormatInput) (*cloud.Empty, error) {
	return &cloud.Empty{}, chooseFormat(in.Resource, in.UseLongIds)
}

func modifyIdentityIdFormat(c *cloud.Call, _ store.Reader, in *api.ModifyIdentityIdFormatInput) (*cloud.Empty, error) {
	if err := checkPrincipal(c, in.PrincipalArn); err != nil {
		return nil, err
	}
	return &cloud.Empty{}, chooseFormat(in.Resource, in.UseLongIds)
}

// chooseFormat accepts what is anyway: long ids.
func chooseFormat(name string, long bool) error {
	if name != "all-current" {
		if _, err := formatsOf(name); err != nil {
			return err
		}
	}
	if !long {
		return Errorf("InvalidParameterValue", "The deadline for '%s' has passed: ids can't be short any more.", name)
	}
	return nil
}

func checkPrincipal(c *cloud.Call, arn string) error {
	a, ok := cloud.ParseARN(arn)
	if arn == "all" || ok && a.Service == "iam" && a.Account == c.Account {
		return nil
	}
	return Errorf("InvalidParameterValue", "Value (%s) for parameter principalArn is invalid.", arn)
}
