package instance_test

import (
	"bytes"
	"encoding/base64"
	"image/jpeg"
	"testing"
	"time"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
	"pileus/service/ec2/instance"
	"pileus/store"
)

func attribute(w *world, id, name string) *api.DescribeInstanceAttributeOutput {
	w.T.Helper()
	return nodetest.Do(w.World, &api.DescribeInstanceAttribute, &api.DescribeInstanceAttributeInput{InstanceId: id, Attribute: name})
}

func TestAttributes(t *testing.T) {
	w := newWorld(t)
	data := base64.StdEncoding.EncodeToString([]byte("#!/bin/sh"))
	id := *w.run(1, func(in *api.RunInstancesInput) { in.UserData = &data })[0].InstanceId
	if got := *attribute(w, id, "userData").UserData.Value; got != data {
		t.Errorf("user data %q", got)
	}
	if a := attribute(w, id, "instanceType"); *a.InstanceType.Value != "t3.micro" {
		t.Errorf("type %v", *a.InstanceType.Value)
	}
	if a := attribute(w, id, "sourceDestCheck"); !*a.SourceDestCheck.Value {
		t.Error("the source/destination check is off")
	}
	if a := attribute(w, id, "groupSet"); len(a.Groups) != 1 || *a.Groups[0].GroupName != "default" {
		t.Errorf("groups %v", a.Groups)
	}
	want(w, "InvalidParameterValue", &api.DescribeInstanceAttribute, &api.DescribeInstanceAttributeInput{InstanceId: id, Attribute: "colour"})

	modify := func(code string, edit func(*api.ModifyInstanceAttributeInput)) {
		t.Helper()
		in := &api.ModifyInstanceAttributeInput{InstanceId: id}
		edit(in)
		want(w, code, &api.ModifyInstanceAttribute, in)
	}
	large := &api.AttributeValue{Value: new("m5d.large")}
	modify("IncorrectInstanceState", func(in *api.ModifyInstanceAttributeInput) { in.InstanceType = large })
	modify("InvalidParameterCombination", func(*api.ModifyInstanceAttributeInput) {})
	modify("", func(in *api.ModifyInstanceAttributeInput) {
		in.SourceDestCheck = &api.AttributeBooleanValue{Value: new(false)}
	})
	modify("InvalidGroup.NotFound", func(in *api.ModifyInstanceAttributeInput) { in.Groups = []string{"sg-0123456789abcdef0"} })
	modify("", func(in *api.ModifyInstanceAttributeInput) {
		in.Attribute, in.Value = new("instanceInitiatedShutdownBehavior"), new("terminate")
	})
	modify("InvalidParameterValue", func(in *api.ModifyInstanceAttributeInput) { in.Attribute, in.Value = new("colour"), new("red") })
	modify("InvalidInstanceAttributeValue", func(in *api.ModifyInstanceAttributeInput) {
		in.BlockDeviceMappings = []api.InstanceBlockDeviceMappingSpecification{{DeviceName: new("/dev/sdz"), Ebs: &api.EbsInstanceBlockDeviceSpecification{DeleteOnTermination: new(true)}}}
	})
	if i := w.get(id); *i.SourceDestCheck {
		t.Error("the source/destination check is on")
	}
	want(w, "", &api.ResetInstanceAttribute, &api.ResetInstanceAttributeInput{InstanceId: id, Attribute: "sourceDestCheck"})
	if i := w.get(id); !*i.SourceDestCheck {
		t.Error("the source/destination check was not reset")
	}

	nodetest.Do(w.World, &api.StopInstances, &api.StopInstancesInput{InstanceIds: []string{id}})
	w.Drain()
	modify("", func(in *api.ModifyInstanceAttributeInput) { in.InstanceType = large })
	modify("InvalidParameterValue", func(in *api.ModifyInstanceAttributeInput) {
		in.InstanceType = &api.AttributeValue{Value: new("t4g.micro")}
	})
	modify("", func(in *api.ModifyInstanceAttributeInput) {
		in.UserData = &api.BlobAttributeValue{Value: []byte("two")}
	})
	if got := *attribute(w, id, "userData").UserData.Value; got != base64.StdEncoding.EncodeToString([]byte("two")) {
		t.Errorf("user data %q", got)
	}
	nodetest.Do(w.World, &api.StartInstances, &api.StartInstancesInput{InstanceIds: []string{id}})
	w.Drain()
	if i := w.get(id); *i.InstanceType != "m5d.large" || *i.State.Name != "running" || *i.CpuOptions.CoreCount != 1 {
		t.Errorf("%s %s %v", *i.InstanceType, *i.State.Name, i.CpuOptions)
	}
}

func TestMetadataDefaults(t *testing.T) {
	w := newWorld(t)
	options := func(edits ...func(*api.RunInstancesInput)) *api.InstanceMetadataOptionsResponse {
		return w.run(1, edits...)[0].MetadataOptions
	}
	if o := options(); *o.HttpTokens != "optional" || *o.HttpPutResponseHopLimit != 1 {
		t.Errorf("%s, %d", *o.HttpTokens, *o.HttpPutResponseHopLimit)
	}
	nodetest.Do(w.World, &api.ModifyInstanceMetadataDefaults, &api.ModifyInstanceMetadataDefaultsInput{HttpTokens: new("required"), HttpPutResponseHopLimit: new(int32(3))})
	if o := options(); *o.HttpTokens != "required" || *o.HttpPutResponseHopLimit != 3 {
		t.Errorf("%s, %d", *o.HttpTokens, *o.HttpPutResponseHopLimit)
	}
	own := func(in *api.RunInstancesInput) {
		in.MetadataOptions = &api.InstanceMetadataOptionsRequest{HttpTokens: new("optional")}
	}
	if o := options(own); *o.HttpTokens != "optional" || *o.HttpPutResponseHopLimit != 3 {
		t.Errorf("%s, %d", *o.HttpTokens, *o.HttpPutResponseHopLimit)
	}
	nodetest.Do(w.World, &api.ModifyInstanceMetadataDefaults, &api.ModifyInstanceMetadataDefaultsInput{HttpTokens: new("no-preference"), HttpPutResponseHopLimit: new(int32(-1))})
	if d := nodetest.Do(w.World, &api.GetInstanceMetadataDefaults, &api.GetInstanceMetadataDefaultsInput{}).AccountLevel; d.HttpTokens != nil || d.HttpPutResponseHopLimit != nil {
		t.Errorf("%v", d)
	}
}

func TestStatusAndEvents(t *testing.T) {
	w := newWorld(t)
	id := *w.run(1)[0].InstanceId
	status := func() api.InstanceStatus {
		t.Helper()
		return nodetest.Do(w.World, &api.DescribeInstanceStatus, &api.DescribeInstanceStatusInput{InstanceIds: []string{id}, IncludeAllInstances: new(true)}).InstanceStatuses[0]
	}
	if s := status(); *s.SystemStatus.Status != "ok" || *s.InstanceStatus.Status != "ok" || *s.InstanceStatus.Details[0].Status != "passed" {
		t.Errorf("status %v", s)
	}
	var event string
	schedule := func(code string, in time.Duration) {
		w.Update(func(tx store.Tx) {
			var err error
			at := w.Now().Add(in)
			if event, err = w.room.Schedule(w.Call(), tx, id, instance.Event{Code: code, Description: "The host needs care", NotBefore: at, Deadline: at.Add(24 * time.Hour)}); err != nil {
				t.Fatal(err)
			}
		})
	}
	schedule("instance-stop", time.Hour)
	if s := status(); len(s.Events) != 1 || *s.Events[0].InstanceEventId != event || *s.Events[0].Description != "The host needs care" {
		t.Errorf("events %v", s.Events)
	}
	move := func(to time.Time) *api.ModifyInstanceEventStartTimeInput {
		return &api.ModifyInstanceEventStartTimeInput{InstanceId: id, InstanceEventId: event, NotBefore: to}
	}
	want(w, "InvalidInstanceEventStartTime", &api.ModifyInstanceEventStartTime, move(w.Now().Add(48*time.Hour)))
	want(w, "", &api.ModifyInstanceEventStartTime, move(w.Now().Add(3*time.Hour)))
	w.Advance(2 * time.Hour)
	if got := w.state(id); got != "running" {
		t.Errorf("%s before the event", got)
	}
	w.Advance(2 * time.Hour)
	if i := w.get(id); *i.State.Name != "stopped" || *i.StateReason.Code != "Server.ScheduledStop" {
		t.Errorf("%s after the event (%v)", *i.State.Name, i.StateReason)
	}
	if s := status(); *s.Events[0].Description != "[Completed] The host needs care" || *s.InstanceStatus.Status != "not-applicable" {
		t.Errorf("events %v", s.Events)
	}
}

// TestAMachineThatIsLost has its instance booted again, as when the host was
// restarted, and status checks that tell of one that crashed.
func TestAMachineThatIsLost(t *testing.T) {
	w := newWorld(t)
	id := *w.run(1)[0].InstanceId
	if err := w.plane.RemoveMachine(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	s := nodetest.Do(w.World, &api.DescribeInstanceStatus, &api.DescribeInstanceStatusInput{}).InstanceStatuses[0]
	if *s.InstanceStatus.Status != "impaired" || s.InstanceStatus.Details[0].ImpairedSince == nil {
		t.Errorf("status %v", s.InstanceStatus)
	}
	nodetest.Do(w.World, &api.RebootInstances, &api.RebootInstancesInput{InstanceIds: []string{id}})
	w.Drain()
	s = nodetest.Do(w.World, &api.DescribeInstanceStatus, &api.DescribeInstanceStatusInput{}).InstanceStatuses[0]
	if *s.InstanceStatus.Status != "ok" {
		t.Errorf("status %v", s.InstanceStatus)
	}
}

func TestConsole(t *testing.T) {
	w := newWorld(t)
	id := *w.run(1)[0].InstanceId
	out := nodetest.Do(w.World, &api.GetConsoleOutput, &api.GetConsoleOutputInput{InstanceId: id, Latest: new(true)})
	text, err := base64.StdEncoding.DecodeString(*out.Output)
	if err != nil || !bytes.Contains(text, []byte("simulated")) {
		t.Errorf("console %q, %v", text, err)
	}
	shot := nodetest.Do(w.World, &api.GetConsoleScreenshot, &api.GetConsoleScreenshotInput{InstanceId: id})
	b, err := base64.StdEncoding.DecodeString(*shot.ImageData)
	if err != nil {
		t.Fatal(err)
	}
	img, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	lit := 0
	for x := range img.Bounds().Dx() {
		for y := range 13 { // the first line
			if r, _, _, _ := img.At(x, y).RGBA(); r > 0x8000 {
				lit++
			}
		}
	}
	if lit < 200 {
		t.Errorf("%d points of the first line are lit", lit)
	}
	if p := nodetest.Do(w.World, &api.GetPasswordData, &api.GetPasswordDataInput{InstanceId: id}); *p.PasswordData != "" {
		t.Errorf("a Linux instance has the password %q", *p.PasswordData)
	}
}

func TestProfiles(t *testing.T) {
	x := newStage(t)
	app := api.IamInstanceProfileSpecification{Name: new("app")}
	want(x.world, "IncorrectState", &api.AssociateIamInstanceProfile, &api.AssociateIamInstanceProfileInput{InstanceId: x.id, IamInstanceProfile: app})
	if i := x.get(x.id); *i.IamInstanceProfile.Arn != "arn:aws:iam::000000000000:instance-profile/app" {
		t.Errorf("profile %s", *i.IamInstanceProfile.Arn)
	}
	list := nodetest.Do(x.World, &api.DescribeIamInstanceProfileAssociations, &api.DescribeIamInstanceProfileAssociationsInput{Filters: []api.Filter{{Name: new("instance-id"), Values: []string{x.id}}}})
	if a := list.IamInstanceProfileAssociations; len(a) != 1 || *a[0].AssociationId != x.association || *a[0].State != "associated" {
		t.Errorf("associations %v", a)
	}
	replaced := nodetest.Do(x.World, &api.ReplaceIamInstanceProfileAssociation, &api.ReplaceIamInstanceProfileAssociationInput{AssociationId: x.association, IamInstanceProfile: app})
	want(x.world, "NoSuchAssociation", &api.DisassociateIamInstanceProfile, &api.DisassociateIamInstanceProfileInput{AssociationId: x.association})
	want(x.world, "", &api.DisassociateIamInstanceProfile, &api.DisassociateIamInstanceProfileInput{AssociationId: *replaced.IamInstanceProfileAssociation.AssociationId})
	if i := x.get(x.id); i.IamInstanceProfile != nil {
		t.Errorf("profile %v", i.IamInstanceProfile)
	}
}
