package image_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"pileus/all"
	"pileus/ami"
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/node/nodetest"
	"pileus/service/ec2/image"
	"pileus/store"
)

const other = "111111111111"

func world(t *testing.T) *nodetest.World {
	t.Helper()
	w := nodetest.With(t, all.Modules)
	w.Update(func(tx store.Tx) { identity.EnsureAccount(tx, other, "secret", w.Now()) })
	return w
}

// launched is an instance that runs.
func launched(w *nodetest.World) string {
	w.T.Helper()
	out := nodetest.Do(w, &api.RunInstances, &api.RunInstancesInput{ImageId: new(ami.All()[0].ID(nodetest.Region)), InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1})
	w.Drain()
	return *out.Instances[0].InstanceId
}

// made is an image of an instance, and its id.
func made(w *nodetest.World, name string) (id, instance string) {
	w.T.Helper()
	instance = launched(w)
	out := nodetest.Do(w, &api.CreateImage, &api.CreateImageInput{InstanceId: instance, Name: name, NoReboot: new(true)})
	w.Drain()
	return *out.ImageId, instance
}

func describe(w *nodetest.World, c *cloud.Call, in *api.DescribeImagesInput) []string {
	w.T.Helper()
	out, err := api.DescribeImages.Call(c, in)
	if err != nil {
		return []string{err.Error()}
	}
	var ids []string
	for _, i := range out.Images {
		ids = append(ids, *i.ImageId)
	}
	return ids
}

func as(w *nodetest.World, account string) *cloud.Call {
	return w.Call().As(identity.RootPrincipal(account))
}

func code(err error) string {
	if e, ok := err.(*cloud.Error); ok {
		return e.Code
	}
	return "none"
}

func TestFoundAsPeopleLook(t *testing.T) {
	w := world(t)
	c := ec2.NewFromConfig(w.Config())
	for name, in := range map[string]*ec2.DescribeImagesInput{
		"Amazon Linux 2023": {Owners: []string{"amazon"}, Filters: []types.Filter{{Name: new("name"), Values: []string{"al2023-ami-2023.*-kernel-6.1-*"}}}},
		"Amazon Linux 2":    {Owners: []string{"amazon"}, Filters: []types.Filter{{Name: new("name"), Values: []string{"amzn2-ami-hvm-*-gp2"}}, {Name: new("virtualization-type"), Values: []string{"hvm"}}}},
		"Ubuntu":            {Owners: []string{"099720109477"}, Filters: []types.Filter{{Name: new("name"), Values: []string{"ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-*-server-*"}}, {Name: new("root-device-type"), Values: []string{"ebs"}}}},
	} {
		out, err := c.DescribeImages(t.Context(), in)
		if err != nil || len(out.Images) != 1 || out.Images[0].State != types.ImageStateAvailable || !*out.Images[0].Public || len(out.Images[0].BlockDeviceMappings) != 1 {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
	if here, there := ami.All()[0].ID("us-east-1"), ami.All()[0].ID("eu-west-1"); here == there {
		t.Error("an image has the same id in two regions")
	}
}

func TestMadeOfAnInstance(t *testing.T) {
	w := world(t)
	id, instance := made(w, "golden")
	out := nodetest.Do(w, &api.DescribeImages, &api.DescribeImagesInput{ImageIds: []string{id}})
	i := out.Images[0]
	if *i.State != api.ImageStateAvailable || *i.SourceInstanceId != instance || *i.RootDeviceName != "/dev/xvda" || len(i.BlockDeviceMappings) != 1 {
		t.Fatalf("%+v", i)
	}
	snapshot := *i.BlockDeviceMappings[0].Ebs.SnapshotId
	if _, err := nodetest.Try(w, &api.DeleteSnapshot, &api.DeleteSnapshotInput{SnapshotId: snapshot}); code(err) != "InvalidSnapshot.InUse" {
		t.Errorf("deleting the snapshot of an image: %v", err)
	}
	if _, err := nodetest.Try(w, &api.CreateImage, &api.CreateImageInput{InstanceId: instance, Name: "golden"}); code(err) != "InvalidAMIName.Duplicate" {
		t.Errorf("the same name again: %v", err)
	}
	run := nodetest.Do(w, &api.RunInstances, &api.RunInstancesInput{ImageId: &id, InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1})
	w.Drain()
	vols := nodetest.Do(w, &api.DescribeVolumes, &api.DescribeVolumesInput{Filters: []api.Filter{{Name: new("attachment.instance-id"), Values: []string{*run.Instances[0].InstanceId}}}})
	if len(vols.Volumes) != 1 || *vols.Volumes[0].SnapshotId != snapshot {
		t.Errorf("the root of an instance of it: %+v", vols.Volumes)
	}
	nodetest.Do(w, &api.DeregisterImage, &api.DeregisterImageInput{ImageId: id})
	if got := describe(w, w.Call(), &api.DescribeImagesInput{ImageIds: []string{id}}); !strings.Contains(got[0], "InvalidAMIID.NotFound") {
		t.Errorf("after deregistration: %v", got)
	}
	nodetest.Do(w, &api.DeleteSnapshot, &api.DeleteSnapshotInput{SnapshotId: snapshot})
}

func TestShared(t *testing.T) {
	w := world(t)
	id, _ := made(w, "shared")
	stranger := as(w, other)
	sees := func() bool { return slices.Contains(describe(w, stranger, &api.DescribeImagesInput{}), id) }
	permit := func(add bool, p api.LaunchPermission) error {
		m := &api.LaunchPermissionModifications{}
		if add {
			m.Add = []api.LaunchPermission{p}
		} else {
			m.Remove = []api.LaunchPermission{p}
		}
		_, err := nodetest.Try(w, &api.ModifyImageAttribute, &api.ModifyImageAttributeInput{ImageId: id, LaunchPermission: m})
		return err
	}
	if sees() {
		t.Error("a stranger sees what is not shared")
	}
	if err := permit(true, api.LaunchPermission{UserId: new(other)}); err != nil || !sees() {
		t.Errorf("shared with an account: %v", err)
	}
	if got := describe(w, stranger, &api.DescribeImagesInput{ExecutableUsers: []string{"self"}}); len(got) != 1 || got[0] != id {
		t.Errorf("shared with me: %v", got)
	}
	if _, err := api.DeregisterImage.Call(stranger, &api.DeregisterImageInput{ImageId: id}); code(err) != "AuthFailure" {
		t.Errorf("a stranger deregisters it: %v", err)
	}
	if _, err := api.CancelImageLaunchPermission.Call(stranger, &api.CancelImageLaunchPermissionInput{ImageId: id}); err != nil || sees() {
		t.Errorf("given up: %v", err)
	}
	if err := permit(true, api.LaunchPermission{Group: new("all")}); code(err) != "OperationNotPermitted" {
		t.Errorf("public while that is blocked: %v", err)
	}
	nodetest.Do(w, &api.DisableImageBlockPublicAccess, &api.DisableImageBlockPublicAccessInput{})
	if err := permit(true, api.LaunchPermission{Group: new("all")}); err != nil || !sees() {
		t.Errorf("public: %v", err)
	}
	out := nodetest.Do(w, &api.DescribeImageAttribute, &api.DescribeImageAttributeInput{ImageId: id, Attribute: "launchPermission"})
	if len(out.LaunchPermissions) != 1 || *out.LaunchPermissions[0].Group != "all" {
		t.Errorf("permissions: %+v", out.LaunchPermissions)
	}
	nodetest.Do(w, &api.ResetImageAttribute, &api.ResetImageAttributeInput{ImageId: id, Attribute: "launchPermission"})
	if sees() {
		t.Error("a stranger sees it after the reset")
	}
	for _, name := range []string{"kernel", "ramdisk", "uefiData"} { // asked for by tools that copy images
		out := nodetest.Do(w, &api.DescribeImageAttribute, &api.DescribeImageAttributeInput{ImageId: id, Attribute: name})
		if a := map[string]*api.AttributeValue{"kernel": out.KernelId, "ramdisk": out.RamdiskId, "uefiData": out.UefiData}[name]; a == nil || a.Value != nil {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

func TestCopied(t *testing.T) {
	w := world(t)
	id, _ := made(w, "near")
	far := w.Call().In(nodetest.Account, "eu-west-1")
	out, err := api.CopyImage.Call(far, &api.CopyImageInput{Name: "far", SourceImageId: id, SourceRegion: nodetest.Region, ClientToken: new("t")})
	if err != nil {
		t.Fatal(err)
	}
	again, err := api.CopyImage.Call(far, &api.CopyImageInput{Name: "far", SourceImageId: id, SourceRegion: nodetest.Region, ClientToken: new("t")})
	if err != nil || *again.ImageId != *out.ImageId {
		t.Errorf("the same token: %+v, %v", again, err)
	}
	w.Drain()
	list, err := api.DescribeImages.Call(far, &api.DescribeImagesInput{Owners: []string{"self"}})
	if err != nil || len(list.Images) != 1 || *list.Images[0].State != api.ImageStateAvailable {
		t.Fatalf("%+v, %v", list, err)
	}
	if got := describe(w, w.Call(), &api.DescribeImagesInput{Owners: []string{"self"}}); len(got) != 1 || got[0] != id {
		t.Errorf("at home: %v", got)
	}
}

func TestRegistered(t *testing.T) {
	w := world(t)
	id, _ := made(w, "source")
	source := nodetest.Do(w, &api.DescribeImages, &api.DescribeImagesInput{ImageIds: []string{id}}).Images[0]
	snapshot := source.BlockDeviceMappings[0].Ebs.SnapshotId
	in := &api.RegisterImageInput{Name: "registered", ImageLocation: new(""), Architecture: source.Architecture, RootDeviceName: new("/dev/xvda")}
	if _, err := nodetest.Try(w, &api.RegisterImage, in); code(err) != "InvalidBlockDeviceMapping" {
		t.Errorf("without a root: %v", err)
	}
	in.BlockDeviceMappings = []api.BlockDeviceMapping{{DeviceName: new("/dev/xvda"), Ebs: &api.EbsBlockDevice{SnapshotId: snapshot}}}
	plain := nodetest.Do(w, &api.RegisterImage, in)
	if shown := nodetest.Do(w, &api.DescribeImages, &api.DescribeImagesInput{ImageIds: []string{*plain.ImageId}}).Images[0]; shown.EnaSupport != nil || shown.SriovNetSupport != nil {
		t.Errorf("enhanced networking that nobody asked for: %v, %v", shown.EnaSupport, shown.SriovNetSupport)
	}
	if _, err := nodetest.Try(w, &api.RunInstances, &api.RunInstancesInput{ImageId: plain.ImageId, InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1}); code(err) != "InvalidParameterCombination" {
		t.Errorf("a type that needs it: %v", err)
	}
	old := nodetest.Do(w, &api.RunInstances, &api.RunInstancesInput{ImageId: plain.ImageId, InstanceType: new("t2.micro"), MinCount: 1, MaxCount: 1}).Instances[0]
	if *old.EnaSupport {
		t.Error("an instance has what its image has not")
	}
	in.Name, in.EnaSupport, in.SriovNetSupport = "enhanced", new(true), new("simple")
	out := nodetest.Do(w, &api.RegisterImage, in)
	if shown := nodetest.Do(w, &api.DescribeImages, &api.DescribeImagesInput{ImageIds: []string{*out.ImageId}}).Images[0]; !*shown.EnaSupport || *shown.SriovNetSupport != "simple" {
		t.Errorf("enhanced networking that was asked for: %v, %v", shown.EnaSupport, shown.SriovNetSupport)
	}
	run := nodetest.Do(w, &api.RunInstances, &api.RunInstancesInput{ImageId: out.ImageId, InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1})
	w.Drain()
	got := nodetest.Do(w, &api.DescribeInstances, &api.DescribeInstancesInput{InstanceIds: []string{*run.Instances[0].InstanceId}})
	if *got.Reservations[0].Instances[0].State.Name != "running" {
		t.Errorf("an instance of it: %+v", got.Reservations[0].Instances[0].State)
	}
}

func TestRetired(t *testing.T) {
	w := world(t)
	id, _ := made(w, "old")
	nodetest.Do(w, &api.ModifyImageAttribute, &api.ModifyImageAttributeInput{ImageId: id, LaunchPermission: &api.LaunchPermissionModifications{Add: []api.LaunchPermission{{UserId: new(other)}}}})
	nodetest.Do(w, &api.EnableImageDeprecation, &api.EnableImageDeprecationInput{ImageId: id, DeprecateAt: w.Now().Add(48 * time.Hour)})
	stranger := func(in *api.DescribeImagesInput) bool { return slices.Contains(describe(w, as(w, other), in), id) }
	if !stranger(&api.DescribeImagesInput{}) {
		t.Error("before its time it is hidden")
	}
	w.Advance(49 * time.Hour)
	if stranger(&api.DescribeImagesInput{}) || !stranger(&api.DescribeImagesInput{IncludeDeprecated: new(true)}) || !stranger(&api.DescribeImagesInput{ImageIds: []string{id}}) {
		t.Error("a deprecated image is shown to those who ask for it, and to them alone")
	}
	for _, name := range []string{"kernel-id", "ramdisk-id", "product-code", "product-code.type", "state-reason-code", "state-reason-message"} {
		if found := nodetest.Do(w, &api.DescribeImages, &api.DescribeImagesInput{Filters: []api.Filter{{Name: &name, Values: []string{"*"}}}}).Images; len(found) != 0 {
			t.Errorf("%s finds %d images", name, len(found))
		}
	}
	if out := nodetest.Do(w, &api.EnableImageDeregistrationProtection, &api.EnableImageDeregistrationProtectionInput{ImageId: id}); *out.Return != "enabled-without-cooldown" {
		t.Error(*out.Return)
	}
	if out := nodetest.Do(w, &api.EnableImageDeregistrationProtection, &api.EnableImageDeregistrationProtectionInput{ImageId: id, WithCooldown: new(true)}); *out.Return != "enabled-with-cooldown" {
		t.Error(*out.Return)
	}
	if _, err := nodetest.Try(w, &api.DeregisterImage, &api.DeregisterImageInput{ImageId: id}); code(err) != "OperationNotPermitted" {
		t.Errorf("protected: %v", err)
	}
	twin := nodetest.Do(w, &api.CopyImage, &api.CopyImageInput{Name: "twin", SourceImageId: id, SourceRegion: nodetest.Region}).ImageId
	if i := nodetest.Do(w, &api.DescribeImages, &api.DescribeImagesInput{ImageIds: []string{*twin}}).Images[0]; i.DeprecationTime != nil || *i.DeregistrationProtection != "disabled" {
		t.Errorf("a copy of a deprecated, protected image: deprecated %v, protection %s", i.DeprecationTime, *i.DeregistrationProtection)
	}
	nodetest.Do(w, &api.DisableImageDeregistrationProtection, &api.DisableImageDeregistrationProtectionInput{ImageId: id})
	if _, err := nodetest.Try(w, &api.DeregisterImage, &api.DeregisterImageInput{ImageId: id}); code(err) != "OperationNotPermitted" {
		t.Errorf("in the cooldown: %v", err)
	}
	w.Advance(25 * time.Hour)
	nodetest.Do(w, &api.DisableImage, &api.DisableImageInput{ImageId: id})
	if _, err := nodetest.Try(w, &api.RunInstances, &api.RunInstancesInput{ImageId: &id, InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1}); code(err) != "InvalidAMIID.Unavailable" {
		t.Errorf("launching a disabled one: %v", err)
	}
	nodetest.Do(w, &api.EnableImage, &api.EnableImageInput{ImageId: id})
	nodetest.Do(w, &api.DeregisterImage, &api.DeregisterImageInput{ImageId: id})
}

func TestImported(t *testing.T) {
	w := world(t)
	post := func(query string) (int, string) {
		res, err := http.Post(w.Endpoint+image.ImportPath+query, "application/x-tar", bytes.NewReader(make([]byte, 10240)))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var b bytes.Buffer
		b.ReadFrom(res.Body)
		return res.StatusCode, b.String()
	}
	if status, body := post("?name=debian"); status != http.StatusBadRequest {
		t.Errorf("without account and region: %d %s", status, body)
	}
	where := "?account=" + nodetest.Account + "&region=" + nodetest.Region + "&name=debian-12&user=admin"
	status, body := post(where)
	var out image.Imported
	if err := json.Unmarshal([]byte(body), &out); err != nil || status != http.StatusOK || out.ImageID == "" {
		t.Fatalf("%d %s %v", status, body, err)
	}
	if got := describe(w, w.Call(), &api.DescribeImagesInput{Owners: []string{"self"}}); len(got) != 1 || got[0] != out.ImageID {
		t.Errorf("%v", got)
	}
	if status, body := post(where); status != http.StatusBadRequest || !strings.Contains(body, "already in use") {
		t.Errorf("the same name again: %d %s", status, body)
	}
	nodetest.Do(w, &api.RunInstances, &api.RunInstancesInput{ImageId: &out.ImageID, InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1})

	where = "?account=" + nodetest.Account + "&region=" + nodetest.Region + "&name="
	if status, body := post(where + "dos&platform=dos"); status != http.StatusBadRequest {
		t.Errorf("an unknown platform: %d %s", status, body)
	}
	_, body = post(where + "windows&platform=windows")
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatal(err)
	}
	i := nodetest.Do(w, &api.DescribeImages, &api.DescribeImagesInput{ImageIds: []string{out.ImageID}}).Images[0]
	if i.Platform == nil || *i.Platform != api.PlatformValuesWindows || *i.PlatformDetails != "Windows" || *i.RootDeviceName != "/dev/sda1" {
		t.Errorf("an image of Windows: %+v", i)
	}
}

func TestAccess(t *testing.T) {
	w := world(t)
	id, instance := made(w, "mine")
	trials := map[string]func(*cloud.Call) error{
		"CancelImageLaunchPermission":                 of(&api.CancelImageLaunchPermission, &api.CancelImageLaunchPermissionInput{ImageId: id}),
		"CancelExportTask":                            of(&api.CancelExportTask, &api.CancelExportTaskInput{ExportTaskId: "export-ami-0"}),
		"CancelImportTask":                            of(&api.CancelImportTask, &api.CancelImportTaskInput{ImportTaskId: new("import-ami-0")}),
		"CreateRestoreImageTask":                      of(&api.CreateRestoreImageTask, &api.CreateRestoreImageTaskInput{Bucket: "none", ObjectKey: "k"}),
		"CreateStoreImageTask":                        of(&api.CreateStoreImageTask, &api.CreateStoreImageTaskInput{Bucket: "none", ImageId: id}),
		"DescribeExportImageTasks":                    of(&api.DescribeExportImageTasks, &api.DescribeExportImageTasksInput{}),
		"DescribeExportTasks":                         of(&api.DescribeExportTasks, &api.DescribeExportTasksInput{}),
		"DescribeFastLaunchImages":                    of(&api.DescribeFastLaunchImages, &api.DescribeFastLaunchImagesInput{}),
		"DescribeImportImageTasks":                    of(&api.DescribeImportImageTasks, &api.DescribeImportImageTasksInput{}),
		"DescribeStoreImageTasks":                     of(&api.DescribeStoreImageTasks, &api.DescribeStoreImageTasksInput{}),
		"DisableFastLaunch":                           of(&api.DisableFastLaunch, &api.DisableFastLaunchInput{ImageId: id}),
		"EnableFastLaunch":                            of(&api.EnableFastLaunch, &api.EnableFastLaunchInput{ImageId: id}),
		"ExportImage":                                 of(&api.ExportImage, &api.ExportImageInput{ImageId: id, DiskImageFormat: "RAW", S3ExportLocation: api.ExportTaskS3LocationRequest{S3Bucket: "b"}}),
		"ImportImage":                                 of(&api.ImportImage, &api.ImportImageInput{DiskContainers: []api.ImageDiskContainer{{Url: new("s3://b/k")}}}),
		"CopyImage":                                   of(&api.CopyImage, &api.CopyImageInput{Name: "copy", SourceImageId: id, SourceRegion: nodetest.Region}),
		"CreateImage":                                 of(&api.CreateImage, &api.CreateImageInput{InstanceId: instance, Name: "second", NoReboot: new(true)}),
		"DeregisterImage":                             of(&api.DeregisterImage, &api.DeregisterImageInput{ImageId: id}),
		"DescribeImageAttribute":                      of(&api.DescribeImageAttribute, &api.DescribeImageAttributeInput{ImageId: id, Attribute: "description"}),
		"DescribeImages":                              of(&api.DescribeImages, &api.DescribeImagesInput{}),
		"DisableImage":                                of(&api.DisableImage, &api.DisableImageInput{ImageId: id}),
		"DisableImageBlockPublicAccess":               of(&api.DisableImageBlockPublicAccess, &api.DisableImageBlockPublicAccessInput{}),
		"DisableImageDeprecation":                     of(&api.DisableImageDeprecation, &api.DisableImageDeprecationInput{ImageId: id}),
		"DisableImageDeregistrationProtection":        of(&api.DisableImageDeregistrationProtection, &api.DisableImageDeregistrationProtectionInput{ImageId: id}),
		"EnableImage":                                 of(&api.EnableImage, &api.EnableImageInput{ImageId: id}),
		"EnableImageBlockPublicAccess":                of(&api.EnableImageBlockPublicAccess, &api.EnableImageBlockPublicAccessInput{ImageBlockPublicAccessState: "block-new-sharing"}),
		"EnableImageDeprecation":                      of(&api.EnableImageDeprecation, &api.EnableImageDeprecationInput{ImageId: id, DeprecateAt: w.Now().Add(time.Hour)}),
		"EnableImageDeregistrationProtection":         of(&api.EnableImageDeregistrationProtection, &api.EnableImageDeregistrationProtectionInput{ImageId: id}),
		"EnableAllowedImagesSettings":                 of(&api.EnableAllowedImagesSettings, &api.EnableAllowedImagesSettingsInput{AllowedImagesSettingsState: "audit-mode"}),
		"DisableAllowedImagesSettings":                of(&api.DisableAllowedImagesSettings, &api.DisableAllowedImagesSettingsInput{}),
		"GetAllowedImagesSettings":                    of(&api.GetAllowedImagesSettings, &api.GetAllowedImagesSettingsInput{}),
		"GetImageBlockPublicAccessState":              of(&api.GetImageBlockPublicAccessState, &api.GetImageBlockPublicAccessStateInput{}),
		"GetImageAncestry":                            of(&api.GetImageAncestry, &api.GetImageAncestryInput{ImageId: id}),
		"ListImagesInRecycleBin":                      of(&api.ListImagesInRecycleBin, &api.ListImagesInRecycleBinInput{}),
		"ModifyImageAttribute":                        of(&api.ModifyImageAttribute, &api.ModifyImageAttributeInput{ImageId: id, Description: &api.AttributeValue{Value: new("d")}}),
		"RegisterImage":                               of(&api.RegisterImage, &api.RegisterImageInput{Name: "none"}),
		"ReplaceImageCriteriaInAllowedImagesSettings": of(&api.ReplaceImageCriteriaInAllowedImagesSettings, &api.ReplaceImageCriteriaInAllowedImagesSettingsInput{}),
		"ResetImageAttribute":                         of(&api.ResetImageAttribute, &api.ResetImageAttributeInput{ImageId: id, Attribute: "launchPermission"}),
		"RestoreImageFromRecycleBin":                  of(&api.RestoreImageFromRecycleBin, &api.RestoreImageFromRecycleBinInput{ImageId: id}),
	}
	nobody := w.As(w.User("nobody", `{"Version":"2012-10-17","Statement":[]}`))
	for _, b := range image.New(nil).Room().Operations {
		try := trials[b.Op.Name]
		if try == nil {
			t.Errorf("%s has no case", b.Op.Name)
			continue
		}
		if err := try(nobody); code(err) != "UnauthorizedOperation" {
			t.Errorf("%s by nobody: %v", b.Op.Name, err)
		}
		able := w.As(w.User("able-"+b.Op.Name, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:`+b.Op.Name+`","Resource":"*"}]}`))
		if err := try(able); code(err) == "UnauthorizedOperation" {
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
