package resource

import (
	"slices"
	"strings"
	"unicode/utf8"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
const (
	maxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256
)

// SpecifiedTags are the tags that a request has for resources of a kind.
func SpecifiedTags(specs []api.TagSpecification, kind string) (identity.Tags, error) {
	return specified(specs, kind, false)
}

// specified is SpecifiedTags; AWS's own services may set aws:'s tags.
func specified(specs []api.TagSpecification, kind string, service bool) (identity.Tags, error) {
	var tags identity.Tags
	for _, s := range specs {
		if cloud.Or(s.ResourceType, "") != kind {
			continue
		}
		for _, t := range s.Tags {
			tag := identity.Tag{Key: cloud.Or(t.Key, ""), Value: cloud.Or(t.Value, "")}
			if err := checkTag(tag, service); err != nil {
				return nil, err
			}
			if slices.ContainsFunc(tags, func(o identity.Tag) bool { return o.Key == tag.Key }) {
				return nil, Errorf("InvalidParameterValue", "Duplicate tag key '%s' specified.", tag.Key)
			}
			tags = append(tags, tag)
		}
	}
	if len(tags) > maxTags {
		return nil, errTooManyTags
	}
	return tags, nil
}

var errTooManyTags = Errorf("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")

// OnlyTags refuses tag specifications for other kinds than those that an
// operation creates.
func OnlyTags(specs []api.TagSpecification, kinds ...string) error {
	for _, s := range specs {
		kind := cloud.Or(s.ResourceType, "")
		if kind == "" {
			return Missing("ResourceType")
		}
		if !slices.Contains(kinds, kind) {
			return Errorf("InvalidParameterValue", "'%s' is not a valid taggable resource type for this operation.", kind)
		}
	}
	return nil
}

func checkTag(t identity.Tag, service bool) error {
	switch {
	case t.Key == "":
		return Errorf("InvalidParameterValue", "Tag key cannot be empty.")
	case !service && strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
		return Errorf("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")
	case utf8.RuneCountInString(t.Key) > maxTagKey:
		return Errorf("InvalidParameterValue", "Tag key exceeds the maximum length of %d characters", maxTagKey)
	case utf8.RuneCountInString(t.Value) > maxTagValue:
		return Errorf("InvalidParameterValue", "Tag value exceeds the maximum length of %d characters", maxTagValue)
	}
	return nil
}

// APITags are tags as answers carry them.
func APITags(tags identity.Tags) []api.Tag {
	out := make([]api.Tag, 0, len(tags))
	for _, t := range tags {
		out = append(out, api.Tag{Key: &t.Key, Value: &t.Value})
	}
	return out
}

// ShownTags are the tags of what AWS describes without the element where there
// are none: programs find no "Tags" there.
func ShownTags(tags identity.Tags) []api.Tag {
	if len(tags) == 0 {
		return nil
	}
	return APITags(tags)
}

// Unmanaged says that no service of AWS's manages a resource for its owner.
func Unmanaged() *api.OperatorResponse { return &api.OperatorResponse{Managed: new(false)} }

// Bindings are the operations of tags.
func Bindings() []cloud.Binding {
	return []cloud.Binding{
		api.CreateTags.Update(createTags),
		api.DeleteTags.Update(deleteTags),
		api.DescribeTags.View(describeTags),

		api.DescribeIdFormat.View(describeIdFormat),
		api.DescribeIdentityIdFormat.View(describeIdentityIdFormat),
		api.DescribePrincipalIdFormat.View(describePrincipalIdFormat),
		api.DescribeAggregateIdFormat.View(describeAggregateIdFormat),
		api.ModifyIdFormat.View(modifyIdFormat),
		api.ModifyIdentityIdFormat.View(modifyIdentityIdFormat),
	}
}

// Access declares what they need.
func Access() []cloud.Access {
	return []cloud.Access{
		Looks(&api.DescribeTags),
		Looks(&api.DescribeIdFormat), Looks(&api.DescribeIdentityIdFormat), Looks(&api.DescribePrincipalIdFormat), Looks(&api.DescribeAggregateIdFormat),
		Looks(&api.ModifyIdFormat), Looks(&api.ModifyIdentityIdFormat),
		api.CreateTags.Decides([]string{"ec2:CreateTags"}, func(c *cloud.Call, r store.Reader, in *api.CreateTagsInput) ([]cloud.Check, error) {
			return tagChecks(c, r, "ec2:CreateTags", in.Resources, in.Tags)
		}),
		api.DeleteTags.Decides([]string{"ec2:DeleteTags"}, func(c *cloud.Call, r store.Reader, in *api.DeleteTagsInput) ([]cloud.Check, error) {
			return tagChecks(c, r, "ec2:DeleteTags", in.Resources, in.Tags)
		}),
	}
}

func tagChecks(c *cloud.Call, r store.Reader, action string, ids []string, list []api.Tag) (checks []cloud.Check, err error) {
	var tags identity.Tags
	for _, t := range list {
		tags = append(tags, identity.Tag{Key: cloud.Or(t.Key, ""), Value: cloud.Or(t.Value, "")})
	}
	for _, id := range ids {
		e, err := find(c, r, id)
		if err != nil {
			return nil, err
		}
		checks = append(checks, cloud.Check{Action: action, Resource: On(c, r, e.Type, id), Keys: cloud.TagKeys(tags.Map())})
	}
	return checks, nil
}

// find is the entry of an id, or the error that its kind has for unknown ids.
func find(c *cloud.Call, r store.Reader, id string) (*Entry, error) {
	if e, ok := Find(c, r, id); ok {
		return e, nil
	}
	prefix, _, _ := strings.Cut(id, "-")
	if e, ok := unknown[prefix]; ok {
		return nil, Errorf(e.code, "The "+e.what+" '%s' does not exist", id)
	}
	return nil, Errorf("InvalidID", "The ID '%s' is not valid", id)
}

// unknown is what EC2 says of ids that do not exist, by their prefix, where it
// tags by id alone.
var unknown = map[string]struct{ code, what string }{
	"acl":    {"InvalidNetworkAclID.NotFound", "networkAcl ID"},
	"ami":    {"InvalidAMIID.NotFound", "image id"},
	"eni":    {"InvalidNetworkInterfaceID.NotFound", "networkInterface ID"},
	"i":      {"InvalidInstanceID.NotFound", "instance ID"},
	"igw":    {"InvalidInternetGatewayID.NotFound", "internetGateway ID"},
	"rtb":    {"InvalidRouteTableID.NotFound", "routeTable ID"},
	"sg":     {"InvalidGroup.NotFound", "security group"},
	"snap":   {"InvalidSnapshot.NotFound", "snapshot"},
	"subnet": {"InvalidSubnetID.NotFound", "subnet ID"},
	"vol":    {"InvalidVolume.NotFound", "volume"},
	"vpc":    {"InvalidVpcID.NotFound", "vpc ID"},
}

func createTags(c *cloud.Call, tx store.Tx, in *api.CreateTagsInput) (*cloud.Empty, error) {
	specs := []api.TagSpecification{{ResourceType: new(""), Tags: in.Tags}}
	tags, err := specified(specs, "", c.Principal.ServiceLinked)
	if err != nil {
		return nil, err
	}
	for _, id := range in.Resources {
		e, err := find(c, tx, id)
		if err != nil {
			return nil, err
		}
		changed := *e
		changed.Tags = merge(e.Tags, tags)
		if len(changed.Tags) > maxTags {
			return nil, errTooManyTags
		}
		registry.Put(tx, &changed)
	}
	return &cloud.Empty{}, nil
}

// merge is old with the tags of more set.
func merge(old, more identity.Tags) identity.Tags {
	out := slices.Clone(old)
	for _, t := range more {
		i := slices.IndexFunc(out, func(o identity.Tag) bool { return o.Key == t.Key })
		if i < 0 {
			out = append(out, t)
		} else {
			out[i] = t
		}
	}
	return out
}

// deleteTags removes tags by key, by key and value, or all where none is named.
// What does not exist is no error.
func deleteTags(c *cloud.Call, tx store.Tx, in *api.DeleteTagsInput) (*cloud.Empty, error) {
	for _, id := range in.Resources {
		e, err := find(c, tx, id)
		if err != nil {
			return nil, err
		}
		changed := *e
		changed.Tags = slices.DeleteFunc(slices.Clone(e.Tags), func(t identity.Tag) bool {
			if len(in.Tags) == 0 {
				return !strings.HasPrefix(t.Key, "aws:")
			}
			return slices.ContainsFunc(in.Tags, func(d api.Tag) bool {
				return cloud.Or(d.Key, "") == t.Key && (d.Value == nil || *d.Value == t.Value)
			})
		})
		registry.Put(tx, &changed)
	}
	return &cloud.Empty{}, nil
}

// tagged is one tag of one resource, as DescribeTags lists them.
type tagged struct{ id, kind, key, value string }

func describeTags(c *cloud.Call, r store.Reader, in *api.DescribeTagsInput) (*api.DescribeTagsOutput, error) {
	all := func(yield func(*tagged) bool) {
		for e := range Entries(c, r, "") {
			for _, t := range e.Tags {
				if !yield(&tagged{e.ID, e.Type, t.Key, t.Value}) {
					return
				}
			}
		}
	}
	page, next, err := List(c, r, Query{Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken}, all,
		func(t *tagged) string { return t.id + "\x00" + t.key },
		Fields[tagged]{
			"key":           One(func(t *tagged) string { return t.key }),
			"value":         One(func(t *tagged) string { return t.value }),
			"resource-id":   One(func(t *tagged) string { return t.id }),
			"resource-type": One(func(t *tagged) string { return t.kind }),
			"tag-key":       One(func(t *tagged) string { return t.key }),
			"tag-value":     One(func(t *tagged) string { return t.value }),
		})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeTagsOutput{NextToken: next, Tags: []api.TagDescription{}}
	for _, t := range page {
		out.Tags = append(out.Tags, api.TagDescription{Key: &t.key, Value: &t.value, ResourceId: &t.id, ResourceType: &t.kind})
	}
	return out, nil
}
