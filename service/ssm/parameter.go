package ssm

import (
	"strconv"
	"time"

	api "pileus/api/ssm"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// parameter is a parameter without its values.
type parameter struct {
	Account, Region, Name string
	Type                  string
	Latest                int64 // version
	Tags                  identity.Tags
	Expires               time.Time // by its Expiration policy; zero: never
	Policies              []resourcePolicy
}

// version is one value that a parameter has had.
type version struct {
	Account, Region, Name string
	Number                int64
	Value                 string // sealed where Type is SecureString
	Type, Tier, DataType  string
	KeyID, Pattern        string
	Description           string
	InlinePolicies        string // JSON
	Labels                []string
	Modified              time.Time
	User                  string // ARN
}

var parameters = &store.Table[parameter]{
	Name: "ssm.parameter",
	Key:  func(p *parameter) store.Key { return store.K(p.Account, p.Region, p.Name) },
}

var versions = &store.Table[version]{
	Name: "ssm.version",
	Key:  func(v *version) store.Key { return store.K(v.Account, v.Region, v.Name, v.Number) },
}

// purpose is what SecureStrings are sealed for.
const purpose = "ssm.SecureString"

func (p *parameter) arn() string {
	return arnOf(p.Region, p.Account, p.Name)
}

func (p *parameter) resource(c *cloud.Call) cloud.Resource {
	res := cloud.Resource{ARN: p.arn(), Account: p.Account, Tags: p.Tags.Map()}
	for _, q := range p.Policies {
		res.Policies = append(res.Policies, q.attached()...)
	}
	return res
}

// version is one of the parameter's versions; number 0 is the latest.
func (p *parameter) version(r store.Reader, number int64) (*version, bool) {
	if number == 0 {
		number = p.Latest
	}
	return versions.Peek(r, p.Account, p.Region, p.Name, number)
}

// labelled is the version that has a label.
func (p *parameter) labelled(r store.Reader, label string) (*version, bool) {
	for v := range versions.Scan(r, p.Account, p.Region, p.Name) {
		for _, l := range v.Labels {
			if l == label {
				return v, true
			}
		}
	}
	return nil, false
}

// value is the version's value as a caller sees it. A SecureString that is not
// to be decrypted is shown sealed.
func (v *version) value(r store.Reader, decrypt bool) string {
	if v.Type != api.ParameterTypeSecureString || !decrypt {
		return v.Value
	}
	text, ok := identity.Unseal(r, purpose, v.Value)
	if !ok {
		return v.Value
	}
	return string(text)
}

func (v *version) api(r store.Reader, decrypt bool, selector string) api.Parameter {
	out := api.Parameter{
		Name: &v.Name, Type: &v.Type, Value: new(v.value(r, decrypt)), Version: &v.Number,
		LastModifiedDate: &v.Modified, ARN: new(arnOf(v.Region, v.Account, v.Name)), DataType: &v.DataType,
	}
	if selector != "" {
		out.Selector = new(":" + selector)
	}
	return out
}

// find is a parameter of the call's account, or of another one that an ARN
// names, with the version that the name selects.
func find(c *cloud.Call, r store.Reader, name string) (*version, string, error) {
	n, err := parseName(c, name)
	if err != nil {
		return nil, "", err
	}
	if v, ok := public(c, n); ok {
		return v, n.selector, nil
	}
	p, ok := n.locate(r)
	if !ok {
		return nil, "", errNotFound(name)
	}
	if n.selector == "" {
		v, _ := p.version(r, 0)
		return v, "", nil
	}
	if number, err := strconv.ParseInt(n.selector, 10, 64); err == nil {
		if v, ok := p.version(r, number); ok && number > 0 {
			return v, n.selector, nil
		}
		return nil, "", api.ErrParameterVersionNotFound.New("Systems Manager could not find version %d of %s. Verify the version and try again.", number, n.name)
	}
	if v, ok := p.labelled(r, n.selector); ok {
		return v, n.selector, nil
	}
	return nil, "", api.ErrParameterVersionNotFound.New("Systems Manager could not find version %s of %s. Verify the version and try again.", n.selector, n.name)
}
