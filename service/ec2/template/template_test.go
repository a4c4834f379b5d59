package template

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"pileus/ami"
	api "pileus/api/ec2"
	apissm "pileus/api/ssm"
	"pileus/cloud"
	"pileus/node/nodetest"
	"pileus/service/ec2/resource"
	"pileus/store"
)

func world(t *testing.T) *nodetest.World { return nodetest.New(t, resource.Module(Room())) }

func create(w *nodetest.World, name string, d api.RequestLaunchTemplateData) string {
	w.T.Helper()
	out := nodetest.Do(w, &api.CreateLaunchTemplate, &api.CreateLaunchTemplateInput{LaunchTemplateName: name, LaunchTemplateData: d})
	return *out.LaunchTemplate.LaunchTemplateId
}

func TestThroughTheSDK(t *testing.T) {
	w := world(t)
	c := ec2.NewFromConfig(w.Config())
	ctx := t.Context()
	in := &ec2.CreateLaunchTemplateInput{
		LaunchTemplateName: new("web"), ClientToken: new("once"),
		LaunchTemplateData: &types.RequestLaunchTemplateData{InstanceType: types.InstanceTypeT3Micro, ImageId: new("ami-0123456789abcdef0"), SecurityGroupIds: []string{"sg-1"}},
		TagSpecifications:  []types.TagSpecification{{ResourceType: types.ResourceTypeLaunchTemplate, Tags: []types.Tag{{Key: new("team"), Value: new("a")}}}},
	}
	first, err := c.CreateLaunchTemplate(ctx, in)
	if err != nil || len(first.LaunchTemplate.Tags) != 1 {
		t.Fatalf("create: %+v, %v", first, err)
	}
	if again, err := c.CreateLaunchTemplate(ctx, in); err != nil || *again.LaunchTemplate.LaunchTemplateId != *first.LaunchTemplate.LaunchTemplateId {
		t.Errorf("the same token again: %+v, %v", again, err)
	}
	in.VersionDescription = new("other")
	if _, err := c.CreateLaunchTemplate(ctx, in); err == nil || !strings.Contains(err.Error(), "IdempotentParameterMismatch") {
		t.Errorf("the same token with other parameters: %v", err)
	}
	if _, err := c.CreateLaunchTemplate(ctx, &ec2.CreateLaunchTemplateInput{LaunchTemplateName: new("dry"), DryRun: new(true), LaunchTemplateData: in.LaunchTemplateData}); err == nil || !strings.Contains(err.Error(), "DryRunOperation") {
		t.Errorf("dry run: %v", err)
	}
	second, err := c.CreateLaunchTemplateVersion(ctx, &ec2.CreateLaunchTemplateVersionInput{LaunchTemplateName: new("web"), SourceVersion: new("1"), LaunchTemplateData: &types.RequestLaunchTemplateData{InstanceType: types.InstanceTypeT3Large}})
	if err != nil || *second.LaunchTemplateVersion.LaunchTemplateData.ImageId != "ami-0123456789abcdef0" || second.LaunchTemplateVersion.LaunchTemplateData.InstanceType != types.InstanceTypeT3Large {
		t.Fatalf("a version from another: %+v, %v", second, err)
	}
	list, err := c.DescribeLaunchTemplateVersions(ctx, &ec2.DescribeLaunchTemplateVersionsInput{LaunchTemplateName: new("web")})
	if err != nil || len(list.LaunchTemplateVersions) != 2 || *list.LaunchTemplateVersions[0].VersionNumber != 2 || !*list.LaunchTemplateVersions[1].DefaultVersion {
		t.Errorf("versions: %+v, %v", list, err)
	}
	if all, err := c.DescribeLaunchTemplates(ctx, &ec2.DescribeLaunchTemplatesInput{Filters: []types.Filter{{Name: new("tag:team"), Values: []string{"*"}}}}); err != nil || len(all.LaunchTemplates) != 1 {
		t.Errorf("by tag: %+v, %v", all, err)
	}
}

func TestApplied(t *testing.T) {
	w := world(t)
	tag := func(k, v string) []api.TagSpecification {
		return []api.TagSpecification{{ResourceType: new("instance"), Tags: []api.Tag{{Key: &k, Value: &v}}}}
	}
	id := create(w, "base", api.RequestLaunchTemplateData{
		InstanceType: new("t3.micro"), ImageId: new("ami-1"), KeyName: new("k"),
		Placement:         &api.LaunchTemplatePlacementRequest{AvailabilityZone: new("us-east-1b")},
		NetworkInterfaces: []api.LaunchTemplateInstanceNetworkInterfaceSpecificationRequest{{DeviceIndex: new(int32(0)), Groups: []string{"sg-1"}, AssociatePublicIpAddress: new(true)}},
		TagSpecifications: []api.LaunchTemplateTagSpecificationRequest{{ResourceType: new("instance"), Tags: []api.Tag{{Key: new("a"), Value: new("template")}, {Key: new("b"), Value: new("template")}}}},
	})
	w.View(func(r store.Reader) {
		c := w.Call()
		c.Snapshot = r
		run, got, v, err := Applied(c, r, &api.RunInstancesInput{
			MinCount: 1, MaxCount: 2, InstanceType: new("m5.large"), SubnetId: new("subnet-1"), TagSpecifications: tag("a", "request"),
			LaunchTemplate: &api.LaunchTemplateSpecification{LaunchTemplateName: new("base")},
		})
		if err != nil || got != id || v != "1" {
			t.Fatalf("%s %s %v", got, v, err)
		}
		if *run.InstanceType != "m5.large" || *run.ImageId != "ami-1" || *run.KeyName != "k" || run.MaxCount != 2 || *run.Placement.AvailabilityZone != "us-east-1b" {
			t.Errorf("merged: %+v", run)
		}
		if n := run.NetworkInterfaces; len(n) != 1 || *n[0].SubnetId != "subnet-1" || !*n[0].AssociatePublicIpAddress || run.SubnetId != nil {
			t.Errorf("interfaces: %+v", n)
		}
		tags := map[string]string{}
		for _, x := range run.TagSpecifications[0].Tags {
			tags[*x.Key] = *x.Value
		}
		if tags["a"] != "request" || tags["b"] != "template" {
			t.Errorf("tags: %v", tags)
		}
	})
}

func TestResolveImage(t *testing.T) {
	image := ami.All()[0]
	w := nodetest.New(t, resource.Module(Room()), parameters(image))
	got, err := ResolveImage(w.Call(), "resolve:ssm:"+image.Parameters[0])
	if err != nil || got != image.ID("us-east-1") {
		t.Errorf("%s, %v", got, err)
	}
	if got, err := ResolveImage(w.Call(), "ami-1"); err != nil || got != "ami-1" {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := ResolveImage(w.Call(), "resolve:ssm:/none"); err == nil {
		t.Error("a parameter that is not there was resolved")
	}
}

// parameters is a Systems Manager that holds the image's parameters alone: a
// service's tests do not import another service.
func parameters(image ami.Image) cloud.Module {
	get := apissm.GetParameter.View(func(c *cloud.Call, _ store.Reader, in *apissm.GetParameterInput) (*apissm.GetParameterOutput, error) {
		if in.Name != image.Parameters[0] {
			return nil, apissm.ErrParameterNotFound.New("Parameter %s not found.", in.Name)
		}
		return &apissm.GetParameterOutput{Parameter: &apissm.Parameter{Value: new(image.ID(c.Region))}}, nil
	})
	return cloud.Module{API: &apissm.Service, Operations: []cloud.Binding{get}, Access: []cloud.Access{apissm.GetParameter.Needs("ssm:GetParameter", nil)}}
}

func TestRefusals(t *testing.T) {
	w := world(t)
	data := api.RequestLaunchTemplateData{InstanceType: new("t3.micro")}
	id := create(w, "there", data)
	try := func(err error) string {
		if e, ok := err.(*cloud.Error); ok {
			return e.Code
		}
		return "none"
	}
	makeOne := func(name string, d api.RequestLaunchTemplateData) string {
		_, err := nodetest.Try(w, &api.CreateLaunchTemplate, &api.CreateLaunchTemplateInput{LaunchTemplateName: name, LaunchTemplateData: d})
		return try(err)
	}
	modify := func(id, name, version *string) string {
		_, err := nodetest.Try(w, &api.ModifyLaunchTemplate, &api.ModifyLaunchTemplateInput{LaunchTemplateId: id, LaunchTemplateName: name, DefaultVersion: version})
		return try(err)
	}
	for name, c := range map[string]struct{ got, want string }{
		"name taken":     {makeOne("there", data), "InvalidLaunchTemplateName.AlreadyExistsException"},
		"no data":        {makeOne("empty", api.RequestLaunchTemplateData{}), "MissingParameter"},
		"bad name":       {makeOne("a b c", data), "InvalidLaunchTemplateName.MalformedException"},
		"bad user data":  {makeOne("data", api.RequestLaunchTemplateData{UserData: new("!")}), "InvalidUserData.Malformed"},
		"id and name":    {modify(&id, new("there"), new("1")), "InvalidParameterCombination"},
		"neither":        {modify(nil, nil, new("1")), "MissingParameter"},
		"malformed id":   {modify(new("lt-x"), nil, new("1")), "InvalidLaunchTemplateId.Malformed"},
		"unknown id":     {modify(new("lt-0123456789abcdef0"), nil, new("1")), "InvalidLaunchTemplateId.NotFound"},
		"unknown name":   {modify(nil, new("nowhere"), new("1")), "InvalidLaunchTemplateName.NotFoundException"},
		"no version":     {modify(&id, nil, new("7")), "InvalidLaunchTemplateId.VersionNotFound"},
		"not a version":  {modify(&id, nil, new("x")), "InvalidLaunchTemplateVersion"},
		"latest is fine": {modify(&id, nil, new("$Latest")), "none"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", name, c.got, c.want)
		}
	}
}

func TestDeletion(t *testing.T) {
	w := world(t)
	data := api.RequestLaunchTemplateData{InstanceType: new("t3.micro")}
	id := create(w, "gone", data)
	nodetest.Do(w, &api.CreateLaunchTemplateVersion, &api.CreateLaunchTemplateVersionInput{LaunchTemplateId: &id, LaunchTemplateData: data})
	out := nodetest.Do(w, &api.DeleteLaunchTemplateVersions, &api.DeleteLaunchTemplateVersionsInput{LaunchTemplateId: &id, Versions: []string{"1", "2", "3"}})
	if len(out.SuccessfullyDeletedLaunchTemplateVersions) != 1 || len(out.UnsuccessfullyDeletedLaunchTemplateVersions) != 2 {
		t.Errorf("the default one and one that is not there: %+v", out)
	}
	nodetest.Do(w, &api.DeleteLaunchTemplate, &api.DeleteLaunchTemplateInput{LaunchTemplateId: &id})
	if all := nodetest.Do(w, &api.DescribeLaunchTemplates, &api.DescribeLaunchTemplatesInput{}); len(all.LaunchTemplates) != 0 {
		t.Errorf("after its deletion: %+v", all)
	}
	create(w, "gone", data)
}

func TestAccess(t *testing.T) {
	w := world(t)
	data := api.RequestLaunchTemplateData{InstanceType: new("t3.micro")}
	id := create(w, "mine", data)
	trials := map[string]func(*cloud.Call) error{
		"CreateLaunchTemplate":           of(&api.CreateLaunchTemplate, &api.CreateLaunchTemplateInput{LaunchTemplateName: "new", LaunchTemplateData: data}),
		"CreateLaunchTemplateVersion":    of(&api.CreateLaunchTemplateVersion, &api.CreateLaunchTemplateVersionInput{LaunchTemplateId: &id, LaunchTemplateData: data}),
		"DescribeLaunchTemplates":        of(&api.DescribeLaunchTemplates, &api.DescribeLaunchTemplatesInput{}),
		"DescribeLaunchTemplateVersions": of(&api.DescribeLaunchTemplateVersions, &api.DescribeLaunchTemplateVersionsInput{LaunchTemplateId: &id}),
		"ModifyLaunchTemplate":           of(&api.ModifyLaunchTemplate, &api.ModifyLaunchTemplateInput{LaunchTemplateId: &id, DefaultVersion: new("1")}),
		"DeleteLaunchTemplateVersions":   of(&api.DeleteLaunchTemplateVersions, &api.DeleteLaunchTemplateVersionsInput{LaunchTemplateId: &id, Versions: []string{"9"}}),
		"DeleteLaunchTemplate":           of(&api.DeleteLaunchTemplate, &api.DeleteLaunchTemplateInput{LaunchTemplateId: new(create(w, "doomed", data))}),
	}
	nobody := w.As(w.User("nobody", `{"Version":"2012-10-17","Statement":[]}`))
	for _, b := range Room().Operations {
		try := trials[b.Op.Name]
		if try == nil {
			t.Errorf("%s has no case", b.Op.Name)
			continue
		}
		if err := try(nobody); err == nil || err.(*cloud.Error).Code != "UnauthorizedOperation" {
			t.Errorf("%s by nobody: %v", b.Op.Name, err)
		}
		able := w.As(w.User("able-"+b.Op.Name, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:`+b.Op.Name+`","Resource":"*"}]}`))
		if err := try(able); err != nil {
			t.Errorf("%s by somebody who may: %v", b.Op.Name, err)
		}
	}
}

func of[In, Out any](op *cloud.Op[In, Out], in In) func(*cloud.Call) error {
	return func(c *cloud.Call) error {
		_, err := op.Call(c, in)
		return err
	}
}
