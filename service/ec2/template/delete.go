package template

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

func deleteLaunchTemplate(c *cloud.Call, tx store.Tx, in *api.DeleteLaunchTemplateInput) (*api.DeleteLaunchTemplateOutput, error) {
	t, err := find(c, tx, in.LaunchTemplateId, in.LaunchTemplateName)
	if err != nil {
		return nil, err
	}
	out := &api.DeleteLaunchTemplateOutput{LaunchTemplate: new(t.api(c, tx))}
	versions.DeleteAll(tx, t.Account, t.Region, t.ID)
	templates.Delete(tx, t.Account, t.Region, t.ID)
	resource.Unregister(c, tx, t.ID)
	return out, nil
}

// deleteLaunchTemplateVersions deletes those it can and tells about the rest.
func deleteLaunchTemplateVersions(c *cloud.Call, tx store.Tx, in *api.DeleteLaunchTemplateVersionsInput) (*api.DeleteLaunchTemplateVersionsOutput, error) {
	t, err := find(c, tx, in.LaunchTemplateId, in.LaunchTemplateName)
	if err != nil {
		return nil, err
	}
	out := &api.DeleteLaunchTemplateVersionsOutput{
		SuccessfullyDeletedLaunchTemplateVersions:   []api.DeleteLaunchTemplateVersionsResponseSuccessItem{},
		UnsuccessfullyDeletedLaunchTemplateVersions: []api.DeleteLaunchTemplateVersionsResponseErrorItem{},
	}
	for _, name := range in.Versions {
		v, err := t.version(tx, name)
		switch {
		case err != nil:
			out.UnsuccessfullyDeletedLaunchTemplateVersions = append(out.UnsuccessfullyDeletedLaunchTemplateVersions, failed(t, nil, "launchTemplateVersionDoesNotExist", "Could not find launch template version"))
		case v.Number == t.Default:
			out.UnsuccessfullyDeletedLaunchTemplateVersions = append(out.UnsuccessfullyDeletedLaunchTemplateVersions, failed(t, &v.Number, "unexpectedError", "The default launch template version cannot be deleted"))
		default:
			versions.Delete(tx, v.Account, v.Region, v.Template, v.Number)
			out.SuccessfullyDeletedLaunchTemplateVersions = append(out.SuccessfullyDeletedLaunchTemplateVersions, api.DeleteLaunchTemplateVersionsResponseSuccessItem{
				LaunchTemplateId: &t.ID, LaunchTemplateName: &t.Name, VersionNumber: &v.Number,
			})
		}
	}
	return out, nil
}

func failed(t *template, number *int64, code, message string) api.DeleteLaunchTemplateVersionsResponseErrorItem {
	return api.DeleteLaunchTemplateVersionsResponseErrorItem{
		LaunchTemplateId: &t.ID, LaunchTemplateName: &t.Name, VersionNumber: number, ResponseError: &api.ResponseError{Code: &code, Message: &message},
	}
}
