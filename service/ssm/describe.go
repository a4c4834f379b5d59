package ssm

import (
	"slices"
	"strings"

	api "pileus/api/ssm"
	"pileus/cloud"
	"pileus/store"
)

// byPathKeys and describeKeys are the filters that the two operations take.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterStringFilter.html
var (
	byPathKeys   = []string{"Type", "KeyId", "Label"}
	describeKeys = []string{"Name", "Type", "KeyId", "Path", "Tier", "DataType"}
)

func describeParameters(c *cloud.Call, r store.Reader, in *api.DescribeParametersInput) (*api.DescribeParametersOutput, error) {
	if len(in.Filters) > 0 && len(in.ParameterFilters) > 0 {
		return nil, errInvalid("You can use either Filters or ParameterFilters in a single request.")
	}
	filters := in.ParameterFilters
	for _, f := range in.Filters {
		option := "Equals"
		if f.Key == "Name" {
			option = "BeginsWith"
		}
		filters = append(filters, api.ParameterStringFilter{Key: f.Key, Option: &option, Values: f.Values})
	}
	keep, err := filterOf(c, r, filters, describeKeys)
	if err != nil {
		return nil, err
	}
	page, next, ok := parameters.Page(r, store.K(c.Account, c.Region), cloud.Or(in.NextToken, ""), int(cloud.Or(in.MaxResults, 50)), keep)
	if !ok {
		return nil, errToken
	}
	out := &api.DescribeParametersOutput{Parameters: []api.ParameterMetadata{}}
	for _, p := range page {
		v, _ := p.version(r, 0)
		out.Parameters = append(out.Parameters, api.ParameterMetadata{
			Name: &v.Name, ARN: new(p.arn()), Type: &v.Type, KeyId: optional(v.KeyID), LastModifiedDate: &v.Modified, LastModifiedUser: &v.User,
			Description: optional(v.Description), AllowedPattern: optional(v.Pattern), Version: &v.Number, Tier: &v.Tier, Policies: v.inline(), DataType: &v.DataType,
		})
	}
	if next != "" {
		out.NextToken = &next
	}
	return out, nil
}

// filterOf makes one test of a request's filters; all of them must hold.
func filterOf(c *cloud.Call, r store.Reader, filters []api.ParameterStringFilter, keys []string) (func(*parameter) bool, error) {
	var tests []func(*parameter) bool
	seen := map[string]bool{}
	for _, f := range filters {
		if seen[f.Key] {
			return nil, api.ErrInvalidFilterKey.New("The following filter is duplicated in the request: %s. A request can contain only one occurrence of a specific filter.", f.Key)
		}
		seen[f.Key] = true
		test, err := filter(r, f, keys)
		if err != nil {
			return nil, err
		}
		tests = append(tests, test)
	}
	return func(p *parameter) bool {
		for _, t := range tests {
			if !t(p) {
				return false
			}
		}
		return true
	}, nil
}

func filter(r store.Reader, f api.ParameterStringFilter, keys []string) (func(*parameter) bool, error) {
	if key, ok := strings.CutPrefix(f.Key, "tag:"); ok && slices.Contains(keys, "Name") {
		return func(p *parameter) bool {
			for _, t := range p.Tags {
				if t.Key == key {
					return len(f.Values) == 0 || slices.Contains(f.Values, t.Value)
				}
			}
			return false
		}, nil
	}
	if !slices.Contains(keys, f.Key) {
		return nil, api.ErrInvalidFilterKey.New("The following filter key is not valid: %s. Valid filter keys include: [%s].", f.Key, strings.Join(keys, ", "))
	}
	if f.Key == "Path" {
		return pathFilter(f)
	}
	compare, err := comparison(f)
	if err != nil {
		return nil, err
	}
	return func(p *parameter) bool {
		v, _ := p.version(r, 0)
		have := map[string]string{"Name": v.Name, "Type": v.Type, "KeyId": v.KeyID, "Tier": v.Tier, "DataType": v.DataType}[f.Key]
		if f.Key == "Label" {
			return slices.ContainsFunc(v.Labels, compare)
		}
		return compare(have) || (f.Key == "Name" && compare(strings.TrimPrefix(have, "/")))
	}, nil
}

func comparison(f api.ParameterStringFilter) (func(string) bool, error) {
	if len(f.Values) == 0 {
		return nil, api.ErrInvalidFilterValue.New("The following filter values are missing : null for filter key %s", f.Key)
	}
	var match func(have, want string) bool
	switch option := cloud.Or(f.Option, "Equals"); {
	case option == "Equals":
		match = func(have, want string) bool { return have == want }
	case option == "BeginsWith":
		match = strings.HasPrefix
	case option == "Contains" && f.Key == "Name":
		match = strings.Contains
	default:
		return nil, api.ErrInvalidFilterOption.New("The following filter option is not valid: %s. Valid options include: [BeginsWith, Equals].", option)
	}
	return func(have string) bool {
		return slices.ContainsFunc(f.Values, func(want string) bool { return match(have, want) })
	}, nil
}

func pathFilter(f api.ParameterStringFilter) (func(*parameter) bool, error) {
	option := cloud.Or(f.Option, "OneLevel")
	if option != "Recursive" && option != "OneLevel" {
		return nil, api.ErrInvalidFilterOption.New("The following filter option is not valid: %s. Valid options include: [Recursive, OneLevel].", option)
	}
	for _, v := range f.Values {
		if !strings.HasPrefix(v, "/") {
			return nil, errInvalid(`The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash "/". It can't be prefixed with "aws" or "ssm" (case-insensitive).`)
		}
	}
	return func(p *parameter) bool {
		return slices.ContainsFunc(f.Values, func(path string) bool {
			rest, ok := strings.CutPrefix(p.Name, strings.TrimSuffix(path, "/")+"/")
			return ok && (option == "Recursive" || !strings.Contains(rest, "/"))
		})
	}, nil
}
