package template

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// access declares what each operation needs.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
func access() []cloud.Access {
	return []cloud.Access{
		resource.Creates(&api.CreateLaunchTemplate, kind, func(in *api.CreateLaunchTemplateInput) []api.TagSpecification { return in.TagSpecifications }),
		on(&api.CreateLaunchTemplateVersion, func(in *api.CreateLaunchTemplateVersionInput) (id, name *string) {
			return in.LaunchTemplateId, in.LaunchTemplateName
		}),
		on(&api.DeleteLaunchTemplate, func(in *api.DeleteLaunchTemplateInput) (id, name *string) {
			return in.LaunchTemplateId, in.LaunchTemplateName
		}),
		on(&api.DeleteLaunchTemplateVersions, func(in *api.DeleteLaunchTemplateVersionsInput) (id, name *string) {
			return in.LaunchTemplateId, in.LaunchTemplateName
		}),
		on(&api.ModifyLaunchTemplate, func(in *api.ModifyLaunchTemplateInput) (id, name *string) {
			return in.LaunchTemplateId, in.LaunchTemplateName
		}),
		resource.Looks(&api.DescribeLaunchTemplates),
		resource.Looks(&api.DescribeLaunchTemplateVersions),
	}
}

// on declares an operation on a template that is named by id or by name.
func on[In, Out any](o *cloud.Op[In, Out], names func(In) (id, name *string)) cloud.Access {
	return o.Needs("ec2:"+o.Name, func(c *cloud.Call, r store.Reader, in In) (cloud.Resource, error) {
		id, name := names(in)
		t, err := find(c, r, id, name)
		if err != nil {
			return cloud.Resource{}, err
		}
		return resource.On(c, r, kind, t.ID), nil
	})
}
