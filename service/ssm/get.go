package ssm

import (
	"strings"

	api "pileus/api/ssm"
	"pileus/cloud"
	"pileus/store"
)

func getParameter(c *cloud.Call, r store.Reader, in *api.GetParameterInput) (*api.GetParameterOutput, error) {
	v, selector, err := find(c, r, in.Name)
	if err != nil {
		return nil, err
	}
	return &api.GetParameterOutput{Parameter: new(v.api(r, cloud.Or(in.WithDecryption, false), selector))}, nil
}

func getParameters(c *cloud.Call, r store.Reader, in *api.GetParametersInput) (*api.GetParametersOutput, error) {
	out := &api.GetParametersOutput{Parameters: []api.Parameter{}, InvalidParameters: []string{}}
	seen := map[string]bool{}
	for _, n := range in.Names {
		if seen[n] {
			continue
		}
		seen[n] = true
		v, selector, err := find(c, r, n)
		if err != nil {
			out.InvalidParameters = append(out.InvalidParameters, n)
			continue
		}
		out.Parameters = append(out.Parameters, v.api(r, cloud.Or(in.WithDecryption, false), selector))
	}
	return out, nil
}

// pathPage is how many parameters a page of GetParametersByPath holds.
const pathPage = 10

func getParametersByPath(c *cloud.Call, r store.Reader, in *api.GetParametersByPathInput) (*api.GetParametersByPathOutput, error) {
	if !strings.HasPrefix(in.Path, "/") {
		return nil, errInvalid(`The parameter path must begin with a forward slash "/". It can't end with a forward slash "/", except the root. Path: %s`, in.Path)
	}
	path := strings.TrimSuffix(in.Path, "/") + "/"
	keep, err := filterOf(c, r, in.ParameterFilters, byPathKeys)
	if err != nil {
		return nil, err
	}
	below := func(name string) bool {
		rest, ok := strings.CutPrefix(name, path)
		return ok && (cloud.Or(in.Recursive, false) || !strings.Contains(rest, "/"))
	}
	limit := int(cloud.Or(in.MaxResults, pathPage))
	decrypt := cloud.Or(in.WithDecryption, false)
	out := &api.GetParametersByPathOutput{Parameters: []api.Parameter{}}
	if strings.HasPrefix(path, publicPrefix) {
		page, next, err := publicPage(c, below, cloud.Or(in.NextToken, ""), limit)
		for _, v := range page {
			out.Parameters = append(out.Parameters, v.api(r, decrypt, ""))
		}
		out.NextToken = next
		return out, err
	}
	page, next, ok := parameters.Page(r, store.K(c.Account, c.Region), cloud.Or(in.NextToken, ""), limit, func(p *parameter) bool {
		return below(p.Name) && keep(p)
	})
	if !ok {
		return nil, errToken
	}
	for _, p := range page {
		v, _ := p.version(r, 0)
		out.Parameters = append(out.Parameters, v.api(r, decrypt, ""))
	}
	if next != "" {
		out.NextToken = &next
	}
	return out, nil
}

func getParameterHistory(c *cloud.Call, r store.Reader, in *api.GetParameterHistoryInput) (*api.GetParameterHistoryOutput, error) {
	n, err := parseName(c, in.Name)
	if err != nil {
		return nil, err
	}
	p, ok := n.locate(r)
	if !ok {
		return nil, errNotFound(in.Name)
	}
	page, next, ok := versions.Page(r, store.K(p.Account, p.Region, p.Name), cloud.Or(in.NextToken, ""), int(cloud.Or(in.MaxResults, 50)), nil)
	if !ok {
		return nil, errToken
	}
	out := &api.GetParameterHistoryOutput{Parameters: []api.ParameterHistory{}}
	for _, v := range page {
		out.Parameters = append(out.Parameters, api.ParameterHistory{
			Name: &v.Name, Type: &v.Type, KeyId: optional(v.KeyID), LastModifiedDate: &v.Modified, LastModifiedUser: &v.User,
			Description: optional(v.Description), Value: new(v.value(r, cloud.Or(in.WithDecryption, false))), AllowedPattern: optional(v.Pattern),
			Version: &v.Number, Labels: append([]string{}, v.Labels...), Tier: &v.Tier, Policies: v.inline(), DataType: &v.DataType,
		})
	}
	if next != "" {
		out.NextToken = &next
	}
	return out, nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
