package instance_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	api "pileus/api/ec2"
	apiiam "pileus/api/iam"
	"pileus/cloud"
	"pileus/node/nodetest"
	"pileus/plane/sim"
	"pileus/service/ec2/ebs"
	"pileus/service/ec2/instance"
	"pileus/service/ec2/vpc"
)

// trial runs one operation as somebody.
type trial func(c *cloud.Call) error

func of[In, Out any](op *cloud.Op[In, Out], in In) trial {
	return func(c *cloud.Call) error {
		_, err := op.Call(c, in)
		return err
	}
}

// stage is a cloud with an instance, a stopped one, and what operations need.
type stage struct {
	*world
	id, stopped, association, window string
}

func newStage(t *testing.T) *stage {
	x := &stage{world: newWorld(t)}
	w := x.World
	nodetest.Do(w, &apiiam.CreateRole, &apiiam.CreateRoleInput{RoleName: "app", AssumeRolePolicyDocument: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`})
	nodetest.Do(w, &apiiam.CreateInstanceProfile, &apiiam.CreateInstanceProfileInput{InstanceProfileName: "app"})
	nodetest.Do(w, &apiiam.AddRoleToInstanceProfile, &apiiam.AddRoleToInstanceProfileInput{InstanceProfileName: "app", RoleName: "app"})
	nodetest.Do(w, &api.CreatePlacementGroup, &api.CreatePlacementGroupInput{GroupName: new("g")})
	nodetest.Do(w, &api.CreateKeyPair, &api.CreateKeyPairInput{KeyName: "k", KeyType: new("ed25519")})
	list := x.run(2)
	x.id, x.stopped = *list[0].InstanceId, *list[1].InstanceId
	nodetest.Do(w, &api.StopInstances, &api.StopInstancesInput{InstanceIds: []string{x.stopped}})
	x.Drain()
	made := nodetest.Do(w, &api.AssociateIamInstanceProfile, &api.AssociateIamInstanceProfileInput{InstanceId: x.id, IamInstanceProfile: api.IamInstanceProfileSpecification{Name: new("app")}})
	x.association = *made.IamInstanceProfileAssociation.AssociationId
	x.window = *nodetest.Do(w, &api.CreateInstanceEventWindow, &api.CreateInstanceEventWindowInput{CronExpression: new("* 0-4 * * *")}).InstanceEventWindow.InstanceEventWindowId
	return x
}

type row struct {
	actions []string
	try     trial
}

// operations are all that there are, each with the actions that it needs.
func (x *stage) operations() map[string]row {
	ids, app := []string{x.id}, api.IamInstanceProfileSpecification{Name: new("app")}
	rows := map[string]row{}
	add := func(name string, try trial, more ...string) {
		action, _, _ := strings.Cut(name, " ")
		rows[name] = row{append([]string{"ec2:" + action}, more...), try}
	}
	run := &api.RunInstancesInput{ImageId: new(image()), InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1, KeyName: new("k")}
	tagged, profiled := *run, *run
	tagged.TagSpecifications = []api.TagSpecification{{ResourceType: new("volume"), Tags: []api.Tag{{Key: new("a"), Value: new("b")}}}}
	profiled.IamInstanceProfile = &app
	add("RunInstances", of(&api.RunInstances, run))
	add("RunInstances with tags", of(&api.RunInstances, &tagged), "ec2:CreateTags")
	add("RunInstances with a role", of(&api.RunInstances, &profiled), "iam:PassRole")
	add("DescribeInstances", of(&api.DescribeInstances, &api.DescribeInstancesInput{}))
	add("StartInstances", of(&api.StartInstances, &api.StartInstancesInput{InstanceIds: ids}))
	add("StopInstances", of(&api.StopInstances, &api.StopInstancesInput{InstanceIds: []string{x.stopped}}))
	add("RebootInstances", of(&api.RebootInstances, &api.RebootInstancesInput{InstanceIds: ids}))
	add("TerminateInstances", of(&api.TerminateInstances, &api.TerminateInstancesInput{InstanceIds: []string{x.stopped}}))
	add("MonitorInstances", of(&api.MonitorInstances, &api.MonitorInstancesInput{InstanceIds: ids}))
	add("UnmonitorInstances", of(&api.UnmonitorInstances, &api.UnmonitorInstancesInput{InstanceIds: ids}))
	add("DescribeInstanceAttribute", of(&api.DescribeInstanceAttribute, &api.DescribeInstanceAttributeInput{InstanceId: x.id, Attribute: "userData"}))
	add("ModifyInstanceAttribute", of(&api.ModifyInstanceAttribute, &api.ModifyInstanceAttributeInput{InstanceId: x.id, DisableApiStop: &api.AttributeBooleanValue{Value: new(false)}}))
	add("ResetInstanceAttribute", of(&api.ResetInstanceAttribute, &api.ResetInstanceAttributeInput{InstanceId: x.id, Attribute: "sourceDestCheck"}))
	add("ModifyInstanceMetadataOptions", of(&api.ModifyInstanceMetadataOptions, &api.ModifyInstanceMetadataOptionsInput{InstanceId: x.id, HttpTokens: new("required")}))
	add("GetInstanceMetadataDefaults", of(&api.GetInstanceMetadataDefaults, &api.GetInstanceMetadataDefaultsInput{}))
	add("ModifyInstanceMetadataDefaults", of(&api.ModifyInstanceMetadataDefaults, &api.ModifyInstanceMetadataDefaultsInput{HttpTokens: new("required")}))
	add("ModifyInstanceCpuOptions", of(&api.ModifyInstanceCpuOptions, &api.ModifyInstanceCpuOptionsInput{InstanceId: x.stopped, ThreadsPerCore: new(int32(1))}))
	add("ModifyInstanceMaintenanceOptions", of(&api.ModifyInstanceMaintenanceOptions, &api.ModifyInstanceMaintenanceOptionsInput{InstanceId: x.id, AutoRecovery: new("disabled")}))
	add("ModifyPrivateDnsNameOptions", of(&api.ModifyPrivateDnsNameOptions, &api.ModifyPrivateDnsNameOptionsInput{InstanceId: x.id, EnableResourceNameDnsARecord: new(true)}))
	add("DescribeInstanceCreditSpecifications", of(&api.DescribeInstanceCreditSpecifications, &api.DescribeInstanceCreditSpecificationsInput{}))
	add("ModifyInstanceCreditSpecification", of(&api.ModifyInstanceCreditSpecification, &api.ModifyInstanceCreditSpecificationInput{InstanceCreditSpecifications: []api.InstanceCreditSpecificationRequest{{InstanceId: x.id, CpuCredits: new("standard")}}}))
	add("GetDefaultCreditSpecification", of(&api.GetDefaultCreditSpecification, &api.GetDefaultCreditSpecificationInput{InstanceFamily: "t3"}))
	add("ModifyDefaultCreditSpecification", of(&api.ModifyDefaultCreditSpecification, &api.ModifyDefaultCreditSpecificationInput{InstanceFamily: "t3", CpuCredits: "standard"}))
	add("CreateReplaceRootVolumeTask", of(&api.CreateReplaceRootVolumeTask, &api.CreateReplaceRootVolumeTaskInput{InstanceId: x.id}))
	add("CreateReplaceRootVolumeTask with tags", of(&api.CreateReplaceRootVolumeTask, &api.CreateReplaceRootVolumeTaskInput{InstanceId: x.id, TagSpecifications: []api.TagSpecification{
		{ResourceType: new("replace-root-volume-task"), Tags: []api.Tag{{Key: new("a"), Value: new("b")}}},
	}}), "ec2:CreateTags")
	add("GetLaunchTemplateData", of(&api.GetLaunchTemplateData, &api.GetLaunchTemplateDataInput{InstanceId: x.id}))
	add("BundleInstance", of(&api.BundleInstance, &api.BundleInstanceInput{InstanceId: x.id, Storage: api.Storage{S3: &api.S3Storage{Bucket: new("b")}}}))
	add("CancelBundleTask", of(&api.CancelBundleTask, &api.CancelBundleTaskInput{BundleId: "bun-0"}))
	add("DescribeBundleTasks", of(&api.DescribeBundleTasks, &api.DescribeBundleTasksInput{}))
	add("ConfirmProductInstance", of(&api.ConfirmProductInstance, &api.ConfirmProductInstanceInput{InstanceId: x.id, ProductCode: "p"}))
	add("CreateInstanceExportTask", of(&api.CreateInstanceExportTask, &api.CreateInstanceExportTaskInput{InstanceId: x.id, TargetEnvironment: "vmware"}))
	add("DescribeConversionTasks", of(&api.DescribeConversionTasks, &api.DescribeConversionTasksInput{}))
	add("CancelConversionTask", of(&api.CancelConversionTask, &api.CancelConversionTaskInput{ConversionTaskId: "import-i-0"}))
	add("GetInstanceUefiData", of(&api.GetInstanceUefiData, &api.GetInstanceUefiDataInput{InstanceId: x.id}))
	add("GetInstanceTpmEkPub", of(&api.GetInstanceTpmEkPub, &api.GetInstanceTpmEkPubInput{InstanceId: x.id, KeyType: "rsa-2048", KeyFormat: "der"}))
	add("DescribeReplaceRootVolumeTasks", of(&api.DescribeReplaceRootVolumeTasks, &api.DescribeReplaceRootVolumeTasksInput{}))
	add("DescribeInstanceStatus", of(&api.DescribeInstanceStatus, &api.DescribeInstanceStatusInput{}))
	add("ReportInstanceStatus", of(&api.ReportInstanceStatus, &api.ReportInstanceStatusInput{Instances: ids, Status: "impaired", ReasonCodes: []string{"other"}}))
	add("GetConsoleOutput", of(&api.GetConsoleOutput, &api.GetConsoleOutputInput{InstanceId: x.id}))
	add("GetConsoleScreenshot", of(&api.GetConsoleScreenshot, &api.GetConsoleScreenshotInput{InstanceId: x.id}))
	add("GetPasswordData", of(&api.GetPasswordData, &api.GetPasswordDataInput{InstanceId: x.id}))
	add("SendDiagnosticInterrupt", of(&api.SendDiagnosticInterrupt, &api.SendDiagnosticInterruptInput{InstanceId: x.id}))
	add("GetSerialConsoleAccessStatus", of(&api.GetSerialConsoleAccessStatus, &api.GetSerialConsoleAccessStatusInput{}))
	add("EnableSerialConsoleAccess", of(&api.EnableSerialConsoleAccess, &api.EnableSerialConsoleAccessInput{}))
	add("DisableSerialConsoleAccess", of(&api.DisableSerialConsoleAccess, &api.DisableSerialConsoleAccessInput{}))
	add("CreateKeyPair", of(&api.CreateKeyPair, &api.CreateKeyPairInput{KeyName: "new", KeyType: new("ed25519")}))
	add("ImportKeyPair", of(&api.ImportKeyPair, &api.ImportKeyPairInput{KeyName: "old", PublicKeyMaterial: []byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGVgpoyYZFF2U6jdrBVg1AB3+mHB1vOZmwVNnXCdAQlE")}))
	add("DescribeKeyPairs", of(&api.DescribeKeyPairs, &api.DescribeKeyPairsInput{}))
	add("DeleteKeyPair", of(&api.DeleteKeyPair, &api.DeleteKeyPairInput{KeyName: new("k")}))
	add("AssociateIamInstanceProfile", of(&api.AssociateIamInstanceProfile, &api.AssociateIamInstanceProfileInput{InstanceId: x.stopped, IamInstanceProfile: app}), "iam:PassRole")
	add("ReplaceIamInstanceProfileAssociation", of(&api.ReplaceIamInstanceProfileAssociation, &api.ReplaceIamInstanceProfileAssociationInput{AssociationId: x.association, IamInstanceProfile: app}), "iam:PassRole")
	add("DescribeIamInstanceProfileAssociations", of(&api.DescribeIamInstanceProfileAssociations, &api.DescribeIamInstanceProfileAssociationsInput{}))
	add("DisassociateIamInstanceProfile", of(&api.DisassociateIamInstanceProfile, &api.DisassociateIamInstanceProfileInput{AssociationId: x.association}))
	add("CreatePlacementGroup", of(&api.CreatePlacementGroup, &api.CreatePlacementGroupInput{GroupName: new("new")}))
	add("DescribePlacementGroups", of(&api.DescribePlacementGroups, &api.DescribePlacementGroupsInput{}))
	add("DeletePlacementGroup", of(&api.DeletePlacementGroup, &api.DeletePlacementGroupInput{GroupName: "g"}))
	add("ModifyInstancePlacement", of(&api.ModifyInstancePlacement, &api.ModifyInstancePlacementInput{InstanceId: x.stopped, GroupName: new("")}))
	add("DescribeInstanceImageMetadata", of(&api.DescribeInstanceImageMetadata, &api.DescribeInstanceImageMetadataInput{}))
	add("DescribeInstanceTopology", of(&api.DescribeInstanceTopology, &api.DescribeInstanceTopologyInput{}))
	add("DescribeInstanceTypes", of(&api.DescribeInstanceTypes, &api.DescribeInstanceTypesInput{}))
	add("DescribeInstanceTypeOfferings", of(&api.DescribeInstanceTypeOfferings, &api.DescribeInstanceTypeOfferingsInput{}))
	target := api.InstanceEventWindowAssociationRequest{InstanceIds: ids}
	add("CreateInstanceEventWindow", of(&api.CreateInstanceEventWindow, &api.CreateInstanceEventWindowInput{CronExpression: new("* 0-4 * * 1")}))
	add("ModifyInstanceEventWindow", of(&api.ModifyInstanceEventWindow, &api.ModifyInstanceEventWindowInput{InstanceEventWindowId: x.window, Name: new("n")}))
	add("AssociateInstanceEventWindow", of(&api.AssociateInstanceEventWindow, &api.AssociateInstanceEventWindowInput{InstanceEventWindowId: x.window, AssociationTarget: target}))
	add("DisassociateInstanceEventWindow", of(&api.DisassociateInstanceEventWindow, &api.DisassociateInstanceEventWindowInput{InstanceEventWindowId: x.window, AssociationTarget: api.InstanceEventWindowDisassociationRequest{InstanceIds: ids}}))
	add("DescribeInstanceEventWindows", of(&api.DescribeInstanceEventWindows, &api.DescribeInstanceEventWindowsInput{}))
	add("DeleteInstanceEventWindow", of(&api.DeleteInstanceEventWindow, &api.DeleteInstanceEventWindowInput{InstanceEventWindowId: x.window}))
	add("ModifyInstanceEventStartTime", of(&api.ModifyInstanceEventStartTime, &api.ModifyInstanceEventStartTimeInput{InstanceId: x.id, InstanceEventId: "instance-event-0", NotBefore: x.Now()}))
	return rows
}

// TestAccess tries each operation with what it needs, with nothing, and with
// each of the actions missing.
func TestAccess(t *testing.T) {
	names := slices.Sorted(maps.Keys(newStage(t).operations()))
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			x := newStage(t)
			op := x.operations()[name]
			for n := range op.actions {
				missing := slices.Delete(slices.Clone(op.actions), n, n+1)
				policy := ""
				if len(missing) > 0 {
					policy = nodetest.Allow(missing...)
				}
				if err := op.try(x.As(x.User("without"+op.actions[n][4:], policy))); !denied(err) {
					t.Errorf("without %s: %v", op.actions[n], err)
				}
			}
			if err := op.try(x.As(x.User("with", nodetest.Allow(op.actions...)))); denied(err) {
				t.Errorf("with %v: %v", op.actions, err)
			}
		})
	}
}

func denied(err error) bool {
	var e *cloud.Error
	return errors.As(err, &e) && e.Code == "UnauthorizedOperation"
}

// TestAccessIsWhole compares the table with what is bound.
func TestAccessIsWhole(t *testing.T) {
	p := sim.New(t.TempDir())
	room := instance.New(p, vpc.New(p), ebs.New(p), instance.Catalogue{})
	tried := newStage(t).operations()
	for _, b := range room.Bindings() {
		if _, ok := tried[b.Op.Name]; !ok {
			t.Errorf("nobody tries %s", b.Op.Name)
		}
	}
}

// TestResourcesDecide has policies speak of resources and condition keys.
func TestResourcesDecide(t *testing.T) {
	x := newStage(t)
	nodetest.Do(x.World, &api.CreateTags, &api.CreateTagsInput{Resources: []string{x.id}, Tags: []api.Tag{{Key: new("team"), Value: new("blue")}}})
	policy := func(statement string) string { return `{"Version":"2012-10-17","Statement":[` + statement + `]}` }
	start := func(id string) trial {
		return of(&api.StartInstances, &api.StartInstancesInput{InstanceIds: []string{id}})
	}
	run := func(kind string) trial {
		return of(&api.RunInstances, &api.RunInstancesInput{ImageId: new(image()), InstanceType: &kind, MinCount: 1, MaxCount: 1})
	}
	for name, test := range map[string]struct {
		policy string
		try    trial
		denied bool
	}{
		"by ARN":          {policy(`{"Effect":"Allow","Action":"ec2:*","Resource":"arn:aws:ec2:us-east-1:000000000000:instance/` + x.id + `"}`), start(x.id), false},
		"by another ARN":  {policy(`{"Effect":"Allow","Action":"ec2:*","Resource":"arn:aws:ec2:us-east-1:000000000000:instance/` + x.id + `"}`), start(x.stopped), true},
		"by tag":          {policy(`{"Effect":"Allow","Action":"ec2:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"blue"}}}`), start(x.id), false},
		"by missing tag":  {policy(`{"Effect":"Allow","Action":"ec2:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"blue"}}}`), start(x.stopped), true},
		"by type":         {policy(`{"Effect":"Allow","Action":"ec2:*","Resource":"*"},{"Effect":"Deny","Action":"ec2:RunInstances","Resource":"arn:aws:ec2:*:*:instance/*","Condition":{"StringNotEquals":{"ec2:InstanceType":"t3.micro"}}}`), run("t3.micro"), false},
		"by another type": {policy(`{"Effect":"Allow","Action":"ec2:*","Resource":"*"},{"Effect":"Deny","Action":"ec2:RunInstances","Resource":"arn:aws:ec2:*:*:instance/*","Condition":{"StringNotEquals":{"ec2:InstanceType":"t3.micro"}}}`), run("t3.large"), true},
		"no IMDSv2":       {policy(`{"Effect":"Allow","Action":"ec2:*","Resource":"*"},{"Effect":"Deny","Action":"ec2:RunInstances","Resource":"arn:aws:ec2:*:*:instance/*","Condition":{"StringNotEquals":{"ec2:MetadataHttpTokens":"required"}}}`), run("t3.micro"), true},
		"no image":        {policy(`{"Effect":"Allow","Action":"ec2:*","Resource":"*"},{"Effect":"Deny","Action":"ec2:RunInstances","Resource":"arn:aws:ec2:*::image/` + image() + `"}`), run("t3.micro"), true},
	} {
		t.Run(name, func(t *testing.T) {
			if err := test.try(x.As(x.User(strings.ReplaceAll(name, " ", "-"), test.policy))); denied(err) != test.denied {
				t.Errorf("%v", err)
			}
		})
	}
}
