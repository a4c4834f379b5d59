package image_test

import (
	"slices"
	"testing"

	"pileus/ami"
	api "pileus/api/ec2"
	"pileus/node/nodetest"
)

// TestAllowedImages narrows down whose images an account sees and launches.
func TestAllowedImages(t *testing.T) {
	w := world(t)
	mine, _ := made(w, "mine")
	amazon, ubuntu := "", ""
	for _, i := range ami.All() {
		switch {
		case i.Owner == ami.Canonical:
			ubuntu = i.ID(nodetest.Region)
		case i.Owner == ami.Amazon:
			amazon = i.ID(nodetest.Region)
		}
	}
	launch := func(id string) string {
		_, err := nodetest.Try(w, &api.RunInstances, &api.RunInstancesInput{ImageId: &id, InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1})
		return code(err)
	}
	criteria := func(list ...api.ImageCriterionRequest) {
		t.Helper()
		nodetest.Do(w, &api.ReplaceImageCriteriaInAllowedImagesSettings, &api.ReplaceImageCriteriaInAllowedImagesSettingsInput{ImageCriteria: list})
	}
	enable := func(state string) {
		nodetest.Do(w, &api.EnableAllowedImagesSettings, &api.EnableAllowedImagesSettingsInput{AllowedImagesSettingsState: state})
	}
	sees := func(id string) bool { return slices.Contains(describe(w, w.Call(), &api.DescribeImagesInput{}), id) }
	if s := nodetest.Do(w, &api.GetAllowedImagesSettings, &api.GetAllowedImagesSettingsInput{}); *s.State != "disabled" || len(s.ImageCriteria) != 0 {
		t.Errorf("at first: %+v", s)
	}

	criteria(api.ImageCriterionRequest{ImageProviders: []string{ami.Amazon}})
	enable("audit-mode")
	out := nodetest.Do(w, &api.DescribeImages, &api.DescribeImagesInput{ImageIds: []string{ubuntu, amazon, mine}})
	for _, i := range out.Images {
		if *i.ImageAllowed != (*i.ImageId != ubuntu) {
			t.Errorf("in audit mode: %s allowed %v", *i.Name, *i.ImageAllowed)
		}
	}
	if got := describe(w, w.Call(), &api.DescribeImagesInput{Filters: []api.Filter{{Name: new("image-allowed"), Values: []string{"false"}}}}); !slices.Contains(got, ubuntu) || slices.Contains(got, amazon) {
		t.Errorf("not allowed: %v", got)
	}
	if launch(ubuntu) != "none" {
		t.Error("audit mode kept an instance from being launched")
	}

	enable("enabled")
	if sees(ubuntu) || !sees(amazon) || !sees(mine) || launch(ubuntu) != "InvalidAMIID.NotFound" || launch(amazon) != "none" || launch(mine) != "none" {
		t.Errorf("enabled: ubuntu %v %s, amazon %v %s", sees(ubuntu), launch(ubuntu), sees(amazon), launch(amazon))
	}
	criteria(api.ImageCriterionRequest{ImageProviders: []string{"none"}})
	if sees(amazon) || !sees(mine) {
		t.Error("others are seen though none is allowed")
	}
	criteria(api.ImageCriterionRequest{ImageNames: []string{"ubuntu/*"}}, api.ImageCriterionRequest{CreationDateCondition: &api.CreationDateConditionRequest{MaximumDaysSinceCreated: new(int32(0))}})
	if !sees(ubuntu) || sees(amazon) {
		t.Error("by name: another is seen")
	}
	if s := nodetest.Do(w, &api.GetAllowedImagesSettings, &api.GetAllowedImagesSettingsInput{}); *s.State != "enabled" || len(s.ImageCriteria) != 2 || s.ImageCriteria[0].ImageNames[0] != "ubuntu/*" {
		t.Errorf("%+v", s)
	}
	nodetest.Do(w, &api.DisableAllowedImagesSettings, &api.DisableAllowedImagesSettingsInput{})
	if !sees(amazon) {
		t.Error("disabled, and amazon's is not seen")
	}
	for _, bad := range []api.ImageCriterionRequest{{}, {ImageProviders: []string{"somebody"}}, {ImageProviders: []string{"none", "amazon"}}} {
		if _, err := nodetest.Try(w, &api.ReplaceImageCriteriaInAllowedImagesSettings, &api.ReplaceImageCriteriaInAllowedImagesSettingsInput{ImageCriteria: []api.ImageCriterionRequest{bad}}); code(err) != "InvalidParameterValue" {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}
