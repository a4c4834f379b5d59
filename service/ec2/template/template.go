// Package template is EC2's launch templates: versions of what RunInstances
// may be asked for.
//
//	template.go  records, and how they are found
//	create.go    templates and versions
//	describe.go  what there is
//	delete.go    deletion
//	apply.go     RunInstances from a template
//	access.go    what each operation needs
package template

import (
	"strconv"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const (
	kind     = "launch-template"
	idPrefix = "lt"
)

// Versions that a name stands for.
const (
	latestVersion  = "$Latest"
	defaultVersion = "$Default"
)

// template is a launch template without its versions.
type template struct {
	Account, Region, ID, Name string
	Default, Latest           int64
	Created                   time.Time
	By                        string // ARN
}

// version is one version of a template.
type version struct {
	Account, Region, Template string
	Number                    int64
	Description               string
	Created                   time.Time
	By                        string
	Data                      []byte // JSON of api.RequestLaunchTemplateData
}

var templates = &store.Table[template]{
	Name: "ec2.template",
	Key:  func(t *template) store.Key { return store.K(t.Account, t.Region, t.ID) },
	Indexes: map[string]func(*template) store.Key{
		"name": func(t *template) store.Key { return store.K(t.Account, t.Region, t.Name) },
	},
}

var versions = &store.Table[version]{
	Name: "ec2.template.version",
	Key:  func(v *version) store.Key { return store.K(v.Account, v.Region, v.Template, v.Number) },
}

// Room is the operations of launch templates.
func Room() resource.Room {
	return resource.Room{
		Operations: []cloud.Binding{
			api.CreateLaunchTemplate.Update(createLaunchTemplate),
			api.CreateLaunchTemplateVersion.Update(createLaunchTemplateVersion),
			api.DeleteLaunchTemplate.Update(deleteLaunchTemplate),
			api.DeleteLaunchTemplateVersions.Update(deleteLaunchTemplateVersions),
			api.DescribeLaunchTemplates.View(describeLaunchTemplates),
			api.DescribeLaunchTemplateVersions.View(describeLaunchTemplateVersions),
			api.ModifyLaunchTemplate.Update(modifyLaunchTemplate),
		},
		Access: access(),
	}
}

func errNoID(id string) *cloud.Error {
	return resource.Errorf("InvalidLaunchTemplateId.NotFound", "The specified launch template, with template ID %s, does not exist.", id)
}

func errNoName(name string) *cloud.Error {
	return resource.Errorf("InvalidLaunchTemplateName.NotFoundException", "The specified launch template, with template name %s, does not exist.", name)
}

var errNoVersion = resource.Errorf("InvalidLaunchTemplateId.VersionNotFound", "Could not find launch template version")

// find is a template by its id or name, of which exactly one must be given.
func find(c *cloud.Call, r store.Reader, id, name *string) (*template, error) {
	switch {
	case id != nil && name != nil:
		return nil, resource.Combination("The request cannot contain both launch template ID and launch template name")
	case id == nil && name == nil:
		return nil, resource.Errorf("MissingParameter", "Either the launch template ID or launch template name must be specified")
	case id != nil && !resource.WellFormed(idPrefix, *id):
		return nil, resource.Errorf("InvalidLaunchTemplateId.Malformed", "The launch template ID '%s' is malformed", *id)
	case id != nil:
		if t, ok := templates.Get(r, c.Account, c.Region, *id); ok {
			return t, nil
		}
		return nil, errNoID(*id)
	}
	for t := range templates.Index(r, "name", c.Account, c.Region, *name) {
		return t, nil
	}
	return nil, errNoName(*name)
}

// version is the template's version that a request names: a number, $Latest or
// $Default, which "" stands for as well.
func (t *template) version(r store.Reader, name string) (*version, error) {
	number := t.Default
	switch name {
	case "", defaultVersion:
	case latestVersion:
		number = t.Latest
	default:
		n, err := strconv.ParseInt(name, 10, 64)
		if err != nil {
			return nil, resource.Errorf("InvalidLaunchTemplateVersion", "The specified version '%s' is not valid", name)
		}
		number = n
	}
	v, ok := versions.Get(r, t.Account, t.Region, t.ID, number)
	if !ok {
		return nil, errNoVersion
	}
	return v, nil
}

func (t *template) api(c *cloud.Call, r store.Reader) api.LaunchTemplate {
	return api.LaunchTemplate{
		LaunchTemplateId: &t.ID, LaunchTemplateName: &t.Name, CreateTime: &t.Created, CreatedBy: &t.By,
		DefaultVersionNumber: &t.Default, LatestVersionNumber: &t.Latest, Tags: resource.ShownTags(resource.Tags(c, r, t.ID)),
	}
}
