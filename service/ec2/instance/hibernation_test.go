package instance_test

import (
	"testing"
	"time"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
	"pileus/service/ec2/instance"
	"pileus/store"
)

// hibernating is a launch of a type with hibernation and a root volume.
func hibernating(kind string, root *api.EbsBlockDevice) *api.RunInstancesInput {
	in := &api.RunInstancesInput{
		ImageId: new(image()), InstanceType: &kind, MinCount: 1, MaxCount: 1, HibernationOptions: &api.HibernationOptionsRequest{Configured: new(true)},
	}
	if root != nil {
		in.BlockDeviceMappings = []api.BlockDeviceMapping{{DeviceName: new("/dev/xvda"), Ebs: root}}
	}
	return in
}

func TestHibernationPrerequisites(t *testing.T) {
	w := newWorld(t)
	const no = "UnsupportedHibernationConfiguration"
	sealed := func(gib int32) *api.EbsBlockDevice {
		return &api.EbsBlockDevice{Encrypted: new(true), VolumeSize: &gib}
	}
	want(w, no, &api.RunInstances, hibernating("t3.micro", nil))
	want(w, no, &api.RunInstances, hibernating("t3.micro", &api.EbsBlockDevice{Encrypted: new(false)}))
	want(w, "", &api.RunInstances, hibernating("t3.micro", sealed(8)))
	want(w, no, &api.RunInstances, hibernating("m5.2xlarge", sealed(31))) // of 32 GiB
	want(w, "", &api.RunInstances, hibernating("m5.2xlarge", sealed(32)))
	want(w, no, &api.RunInstances, hibernating("m5.12xlarge", sealed(500))) // of 192 GiB
	nodetest.Do(w.World, &api.EnableEbsEncryptionByDefault, &api.EnableEbsEncryptionByDefaultInput{})
	want(w, "", &api.RunInstances, hibernating("t3.micro", nil))
}

func TestTokensEnforced(t *testing.T) {
	w := newWorld(t)
	free := *w.run(1)[0].InstanceId
	nodetest.Do(w.World, &api.ModifyInstanceMetadataDefaults, &api.ModifyInstanceMetadataDefaultsInput{HttpTokensEnforced: new("enabled")})
	d := nodetest.Do(w.World, &api.GetInstanceMetadataDefaults, &api.GetInstanceMetadataDefaultsInput{}).AccountLevel
	if *d.HttpTokensEnforced != "enabled" || *d.ManagedBy != "account" {
		t.Errorf("defaults: %+v", d)
	}
	in := &api.RunInstancesInput{ImageId: new(image()), InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1}
	want(w, "UnsupportedOperation", &api.RunInstances, in)
	want(w, "UnsupportedOperation", &api.ModifyInstanceMetadataOptions, &api.ModifyInstanceMetadataOptionsInput{InstanceId: free, HttpTokens: new("optional")})
	in.MetadataOptions = &api.InstanceMetadataOptionsRequest{HttpTokens: new("required")}
	want(w, "", &api.RunInstances, in)
	in.MetadataOptions = nil
	nodetest.Do(w.World, &api.ModifyInstanceMetadataDefaults, &api.ModifyInstanceMetadataDefaultsInput{HttpTokens: new("required")})
	want(w, "", &api.RunInstances, in)
	nodetest.Do(w.World, &api.ModifyInstanceMetadataDefaults, &api.ModifyInstanceMetadataDefaultsInput{HttpTokensEnforced: new("no-preference"), HttpTokens: new("optional")})
	want(w, "", &api.RunInstances, in)
}

func TestRebootMigration(t *testing.T) {
	w := newWorld(t)
	id := *w.run(1)[0].InstanceId
	schedule := func() {
		w.Update(func(tx store.Tx) {
			at := w.Now().Add(time.Hour)
			if _, err := w.room.Schedule(w.Call(), tx, id, instance.Event{Code: "system-reboot", Description: "The host needs care", NotBefore: at}); err != nil {
				t.Fatal(err)
			}
		})
	}
	// open are the events that are still to come.
	open := func() (n int) {
		w.Drain()
		for _, e := range nodetest.Do(w.World, &api.DescribeInstanceStatus, &api.DescribeInstanceStatusInput{InstanceIds: []string{id}}).InstanceStatuses[0].Events {
			if *e.Description == "The host needs care" {
				n++
			}
		}
		return n
	}
	schedule()
	out := nodetest.Do(w.World, &api.ModifyInstanceMaintenanceOptions, &api.ModifyInstanceMaintenanceOptionsInput{InstanceId: id, AutoRecovery: new("disabled"), RebootMigration: new("disabled")})
	if *out.AutoRecovery != "disabled" || *out.RebootMigration != "disabled" || *w.get(id).MaintenanceOptions.RebootMigration != "disabled" {
		t.Errorf("options: %+v", out)
	}
	nodetest.Do(w.World, &api.RebootInstances, &api.RebootInstancesInput{InstanceIds: []string{id}})
	if n := open(); n != 1 {
		t.Errorf("restarted in place, %d events are to come", n)
	}
	out = nodetest.Do(w.World, &api.ModifyInstanceMaintenanceOptions, &api.ModifyInstanceMaintenanceOptionsInput{InstanceId: id, RebootMigration: new("default")})
	if *out.AutoRecovery != "disabled" || *out.RebootMigration != "default" {
		t.Errorf("one of two options: %+v", out)
	}
	nodetest.Do(w.World, &api.RebootInstances, &api.RebootInstancesInput{InstanceIds: []string{id}})
	if n := open(); n != 0 {
		t.Errorf("migrated, %d events are to come", n)
	}
}

func TestEnclaveAttribute(t *testing.T) {
	w := newWorld(t)
	large := *w.run(1, func(in *api.RunInstancesInput) { in.InstanceType = new("m5.xlarge") })[0].InstanceId
	small := *w.run(1)[0].InstanceId
	set := func(id string) *api.ModifyInstanceAttributeInput {
		return &api.ModifyInstanceAttributeInput{InstanceId: id, EnclaveOptions: &api.EnclaveOptionsRequest{Enabled: new(true)}}
	}
	want(w, "IncorrectInstanceState", &api.ModifyInstanceAttribute, set(large))
	nodetest.Do(w.World, &api.StopInstances, &api.StopInstancesInput{InstanceIds: []string{large, small}})
	w.Drain()
	want(w, "UnsupportedOperation", &api.ModifyInstanceAttribute, set(small))
	want(w, "", &api.ModifyInstanceAttribute, set(large))
	if !*w.get(large).EnclaveOptions.Enabled {
		t.Error("the instance is not enabled for enclaves")
	}
}

func TestOptionsOfNewerTypes(t *testing.T) {
	w := newWorld(t)
	for name, edit := range map[string]func(in *api.RunInstancesInput){
		"UnsupportedOperation": func(in *api.RunInstancesInput) {
			in.NetworkPerformanceOptions = &api.InstanceNetworkPerformanceOptionsRequest{BandwidthWeighting: new("vpc-1")}
		},
		"": func(in *api.RunInstancesInput) {
			in.NetworkPerformanceOptions = &api.InstanceNetworkPerformanceOptionsRequest{BandwidthWeighting: new("default")}
			in.CpuOptions = &api.CpuOptionsRequest{NestedVirtualization: new("disabled")}
		},
	} {
		in := &api.RunInstancesInput{ImageId: new(image()), InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1}
		edit(in)
		want(w, name, &api.RunInstances, in)
	}
	want(w, "UnsupportedOperation", &api.RunInstances, &api.RunInstancesInput{
		ImageId: new(image()), InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1, CpuOptions: &api.CpuOptionsRequest{NestedVirtualization: new("enabled")},
	})
}
