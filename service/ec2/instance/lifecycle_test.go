package instance_test

import (
	"testing"
	"time"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
	"pileus/plane"
)

func TestALifeOfAnInstance(t *testing.T) {
	w := newWorld(t)
	made := w.run(1)[0]
	id := *made.InstanceId
	if got := *made.State.Name; got != "pending" {
		t.Errorf("RunInstances answers state %s", got)
	}
	i := w.get(id)
	if *i.State.Name != "running" || *i.State.Code != 16 {
		t.Fatalf("state %v", i.State)
	}
	private := *i.PrivateIpAddress
	if i.PublicIpAddress == nil || *i.PrivateDnsName == "" || *i.PublicDnsName == "" {
		t.Errorf("names and addresses: %v %v %v", i.PublicIpAddress, i.PrivateDnsName, i.PublicDnsName)
	}
	if len(i.BlockDeviceMappings) != 1 || *i.BlockDeviceMappings[0].DeviceName != "/dev/xvda" || *i.BlockDeviceMappings[0].Ebs.Status != "attached" {
		t.Errorf("devices %v", i.BlockDeviceMappings)
	}
	if st, err := w.plane.MachineStatus(t.Context(), id); err != nil || st.State != plane.Running {
		t.Errorf("machine %v, %v", st, err)
	}

	stopped := nodetest.Do(w.World, &api.StopInstances, &api.StopInstancesInput{InstanceIds: []string{id}})
	if got := stopped.StoppingInstances[0]; *got.PreviousState.Name != "running" || *got.CurrentState.Name != "stopping" {
		t.Errorf("StopInstances answers %v to %v", *got.PreviousState.Name, *got.CurrentState.Name)
	}
	w.Drain()
	i = w.get(id)
	if *i.State.Name != "stopped" || *i.StateReason.Code != "Client.UserInitiatedShutdown" || *i.StateTransitionReason != "User initiated (2026-01-01 00:00:00 GMT)" {
		t.Errorf("stopped: %s, %v, %s", *i.State.Name, *i.StateReason.Code, *i.StateTransitionReason)
	}
	if i.PublicIpAddress != nil || *i.PrivateIpAddress != private {
		t.Errorf("a stopped instance has the addresses %v and %s, had %s", i.PublicIpAddress, *i.PrivateIpAddress, private)
	}

	nodetest.Do(w.World, &api.StartInstances, &api.StartInstancesInput{InstanceIds: []string{id}})
	w.Drain()
	i = w.get(id)
	if *i.State.Name != "running" || i.PublicIpAddress == nil || *i.PrivateIpAddress != private || i.StateReason != nil {
		t.Errorf("started again: %s %v %v %v", *i.State.Name, i.PublicIpAddress, *i.PrivateIpAddress, i.StateReason)
	}

	nodetest.Do(w.World, &api.TerminateInstances, &api.TerminateInstancesInput{InstanceIds: []string{id}})
	w.Drain()
	i = w.get(id)
	if *i.State.Name != "terminated" || i.PrivateIpAddress != nil || len(i.NetworkInterfaces)+len(i.BlockDeviceMappings) != 0 {
		t.Errorf("terminated: %s %v", *i.State.Name, i)
	}
	if list, err := w.plane.Machines(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("machines %v, %v", list, err)
	}
	if list, err := w.plane.Volumes(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("volumes %v, %v", list, err)
	}
	w.Advance(59 * time.Minute)
	w.get(id)
	w.Advance(2 * time.Minute)
	want(w, "InvalidInstanceID.NotFound", &api.DescribeInstances, &api.DescribeInstancesInput{InstanceIds: []string{id}})
}

func TestShutdownFromInside(t *testing.T) {
	for behaviour, end := range map[string]string{"stop": "stopped", "terminate": "terminated"} {
		t.Run(behaviour, func(t *testing.T) {
			w := newWorld(t)
			id := *w.run(1, func(in *api.RunInstancesInput) { in.InstanceInitiatedShutdownBehavior = &behaviour })[0].InstanceId
			w.plane.ShutDown(id)
			w.Drain()
			i := w.get(id)
			if *i.State.Name != end || *i.StateReason.Code != "Client.InstanceInitiatedShutdown" {
				t.Errorf("state %s because of %v", *i.State.Name, i.StateReason)
			}
		})
	}
}

func TestProtection(t *testing.T) {
	w := newWorld(t)
	id := *w.run(1, func(in *api.RunInstancesInput) { in.DisableApiTermination, in.DisableApiStop = new(true), new(true) })[0].InstanceId
	ids := []string{id}
	want(w, "OperationNotPermitted", &api.TerminateInstances, &api.TerminateInstancesInput{InstanceIds: ids})
	want(w, "OperationNotPermitted", &api.StopInstances, &api.StopInstancesInput{InstanceIds: ids})
	off := &api.AttributeBooleanValue{Value: new(false)}
	nodetest.Do(w.World, &api.ModifyInstanceAttribute, &api.ModifyInstanceAttributeInput{InstanceId: id, DisableApiTermination: off})
	nodetest.Do(w.World, &api.ModifyInstanceAttribute, &api.ModifyInstanceAttributeInput{InstanceId: id, DisableApiStop: off})
	want(w, "", &api.StopInstances, &api.StopInstancesInput{InstanceIds: ids})
	w.Drain()
	want(w, "", &api.TerminateInstances, &api.TerminateInstancesInput{InstanceIds: ids})
}

// TestProtectionSparesItsZone has one protected instance among others.
func TestProtectionSparesItsZone(t *testing.T) {
	w := newWorld(t)
	zone := func(name string) func(*api.RunInstancesInput) {
		return func(in *api.RunInstancesInput) { in.Placement = &api.Placement{AvailabilityZone: &name} }
	}
	protected := *w.run(1, zone("us-east-1a"), func(in *api.RunInstancesInput) { in.DisableApiTermination = new(true) })[0].InstanceId
	near := *w.run(1, zone("us-east-1a"))[0].InstanceId
	far := *w.run(1, zone("us-east-1b"))[0].InstanceId
	want(w, "OperationNotPermitted", &api.TerminateInstances, &api.TerminateInstancesInput{InstanceIds: []string{protected, near, far}})
	w.Drain()
	for id, state := range map[string]string{protected: "running", near: "running", far: "terminated"} {
		if got := w.state(id); got != state {
			t.Errorf("%s is %s, want %s", id, got, state)
		}
	}
}

func TestWhatStatesAllow(t *testing.T) {
	w := newWorld(t)
	running, stopped, gone := *w.run(1)[0].InstanceId, *w.run(1)[0].InstanceId, *w.run(1)[0].InstanceId
	nodetest.Do(w.World, &api.StopInstances, &api.StopInstancesInput{InstanceIds: []string{stopped}})
	nodetest.Do(w.World, &api.TerminateInstances, &api.TerminateInstancesInput{InstanceIds: []string{gone}})
	w.Drain()
	start := func(id string) *api.StartInstancesInput { return &api.StartInstancesInput{InstanceIds: []string{id}} }
	stop := func(id string) *api.StopInstancesInput { return &api.StopInstancesInput{InstanceIds: []string{id}} }
	reboot := func(id string) *api.RebootInstancesInput { return &api.RebootInstancesInput{InstanceIds: []string{id}} }
	want(w, "", &api.StartInstances, start(running))
	want(w, "IncorrectInstanceState", &api.StartInstances, start(gone))
	want(w, "", &api.StopInstances, stop(stopped))
	want(w, "IncorrectInstanceState", &api.StopInstances, stop(gone))
	want(w, "", &api.RebootInstances, reboot(running))
	want(w, "IncorrectState", &api.RebootInstances, reboot(stopped))
	want(w, "", &api.TerminateInstances, &api.TerminateInstancesInput{InstanceIds: []string{gone}})
	want(w, "InvalidInstanceID.NotFound", &api.StartInstances, start("i-0123456789abcdef0"))
	want(w, "InvalidInstanceID.Malformed", &api.StartInstances, start("banana"))
	want(w, "UnsupportedHibernationConfiguration", &api.StopInstances, &api.StopInstancesInput{InstanceIds: []string{running}, Hibernate: new(true)})
}

func TestHibernation(t *testing.T) {
	w := newWorld(t)
	id := *w.run(1, func(in *api.RunInstancesInput) {
		in.HibernationOptions = &api.HibernationOptionsRequest{Configured: new(true)}
		in.BlockDeviceMappings = []api.BlockDeviceMapping{{DeviceName: new("/dev/xvda"), Ebs: &api.EbsBlockDevice{Encrypted: new(true)}}}
	})[0].InstanceId
	nodetest.Do(w.World, &api.StopInstances, &api.StopInstancesInput{InstanceIds: []string{id}, Hibernate: new(true)})
	w.Drain()
	if i := w.get(id); *i.State.Name != "stopped" || *i.StateReason.Code != "Client.UserInitiatedHibernate" {
		t.Errorf("%s, %s", *i.State.Name, *i.StateReason.Code)
	}
	if st, _ := w.plane.MachineStatus(t.Context(), id); st.State != plane.Frozen {
		t.Errorf("the machine is %s", st.State)
	}
	nodetest.Do(w.World, &api.StartInstances, &api.StartInstancesInput{InstanceIds: []string{id}})
	w.Drain()
	if st, _ := w.plane.MachineStatus(t.Context(), id); st.State != plane.Running || w.state(id) != "running" {
		t.Errorf("the machine is %s", st.State)
	}
}
