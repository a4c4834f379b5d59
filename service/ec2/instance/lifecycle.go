package instance

import (
	"slices"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

// changed is one line of the answers of start, stop and terminate.
func changed(i *Instance, now State) api.InstanceStateChange {
	return api.InstanceStateChange{InstanceId: new(i.ID), PreviousState: i.State.api(), CurrentState: now.api()}
}

func (s *Room) startInstances(c *cloud.Call, tx store.Tx, in *api.StartInstancesInput) (*api.StartInstancesOutput, error) {
	list, err := some(c, tx, in.InstanceIds)
	if err != nil {
		return nil, err
	}
	out := &api.StartInstancesOutput{}
	for _, i := range list {
		switch i.State {
		case Pending, Running: // it does already
			out.StartingInstances = append(out.StartingInstances, changed(i, i.State))
			continue
		case Stopped:
		default:
			return nil, errState(i.ID, "started")
		}
		if err := capacity(c, tx, i, resource.Tags(c, tx, i.ID)); err != nil {
			return nil, err
		}
		d := i.clone()
		d.Boot++
		d.Launched, d.Reason, d.Why = c.Now, "", Reason{}
		if err := vpc.AssignPublicAddress(c, tx, d.ID); err != nil {
			return nil, err
		}
		s.become(c, tx, d, Pending)
		out.StartingInstances = append(out.StartingInstances, changed(i, Pending))
	}
	return out, nil
}

// some are the instances of ids, of which there must be one at least.
func some(c *cloud.Call, r store.Reader, ids []string) ([]*Instance, error) {
	if len(ids) == 0 {
		return nil, resource.Missing("InstanceId")
	}
	return findAll(c, r, slices.Compact(slices.Sorted(slices.Values(ids))))
}

func (s *Room) stopInstances(c *cloud.Call, tx store.Tx, in *api.StopInstancesInput) (*api.StopInstancesOutput, error) {
	list, err := some(c, tx, in.InstanceIds)
	if err != nil {
		return nil, err
	}
	out := &api.StopInstancesOutput{}
	hibernate := cloud.Or(in.Hibernate, false)
	force := cloud.Or(in.Force, false) || cloud.Or(in.SkipOsShutdown, false)
	for _, i := range list {
		if err := mayStop(i, hibernate); err != nil {
			return nil, err
		}
		if i.State == Stopped || i.State == Stopping && !force {
			out.StoppingInstances = append(out.StoppingInstances, changed(i, i.State))
			continue
		}
		d := i.clone()
		d.Reason, d.Why = initiated(c.Now), userShutdown
		d.Force, d.Hibernates = force, hibernate
		if hibernate {
			d.Why = userHibernate
		}
		s.become(c, tx, d, Stopping)
		out.StoppingInstances = append(out.StoppingInstances, changed(i, Stopping))
	}
	return out, nil
}

func mayStop(i *Instance, hibernate bool) error {
	switch {
	case i.State.gone(), i.State == Pending:
		return errState(i.ID, "stopped")
	case i.NoStop && i.State == Running:
		return errProtected(i.ID, "stopped", "disableApiStop")
	case i.SpotOneTime:
		return resource.Unsupported("You can't stop the Spot Instance '%s' because it is associated with a one-time Spot Instance request. You can only stop Spot Instances associated with persistent Spot Instance requests.", i.ID)
	case hibernate && !i.Hibernation:
		return resource.Errorf("UnsupportedHibernationConfiguration", "Instance '%s' is not configured for hibernation.", i.ID)
	case hibernate && i.State != Running:
		return errState(i.ID, "hibernated")
	}
	return nil
}

func (s *Room) rebootInstances(c *cloud.Call, tx store.Tx, in *api.RebootInstancesInput) (*cloud.Empty, error) {
	list, err := some(c, tx, in.InstanceIds)
	if err != nil {
		return nil, err
	}
	for _, i := range list {
		if i.State != Running {
			return nil, resource.Errorf("IncorrectState", "Instance '%s' is not in a state from which it can be rebooted.", i.ID)
		}
		d := i.clone()
		d.Reboots++
		d.migrate(c.Now)
		instances.Put(tx, d)
		tx.After(time.Time{}, instanceController, d.key())
	}
	return &cloud.Empty{}, nil
}

// terminateInstances ends instances. Those in zones where a protected one was
// named as well are spared, the others end though the answer is an error.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html
func (s *Room) terminateInstances(c *cloud.Call, in *api.TerminateInstancesInput) (*api.TerminateInstancesOutput, error) {
	var out *api.TerminateInstancesOutput
	var refused error
	err := c.Update(func(tx store.Tx) error {
		out, refused = &api.TerminateInstancesOutput{}, nil
		list, err := some(c, tx, in.InstanceIds)
		if err != nil {
			return err
		}
		protected := map[string]bool{} // zones
		for _, i := range list {
			if i.NoTermination && !i.State.gone() {
				protected[i.Zone] = true
				refused = errProtected(i.ID, "terminated", "disableApiTermination")
			}
		}
		for _, i := range list {
			if protected[i.Zone] {
				continue
			}
			out.TerminatingInstances = append(out.TerminatingInstances, s.terminate(c, tx, i, cloud.Or(in.SkipOsShutdown, false)))
		}
		return nil
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Room) terminate(c *cloud.Call, tx store.Tx, i *Instance, force bool) api.InstanceStateChange {
	if i.State.gone() {
		return changed(i, i.State)
	}
	d := i.clone()
	d.Reason, d.Why, d.Force = initiated(c.Now), userShutdown, force
	s.become(c, tx, d, ShuttingDown)
	return changed(i, ShuttingDown)
}

func (s *Room) monitorInstances(c *cloud.Call, tx store.Tx, in *api.MonitorInstancesInput) (*api.MonitorInstancesOutput, error) {
	list, err := setMonitoring(c, tx, in.InstanceIds, true)
	return &api.MonitorInstancesOutput{InstanceMonitorings: list}, err
}

func (s *Room) unmonitorInstances(c *cloud.Call, tx store.Tx, in *api.UnmonitorInstancesInput) (*api.UnmonitorInstancesOutput, error) {
	list, err := setMonitoring(c, tx, in.InstanceIds, false)
	return &api.UnmonitorInstancesOutput{InstanceMonitorings: list}, err
}

// setMonitoring answers the state that monitoring is heading for.
func setMonitoring(c *cloud.Call, tx store.Tx, ids []string, on bool) (out []api.InstanceMonitoring, err error) {
	list, err := some(c, tx, ids)
	if err != nil {
		return nil, err
	}
	for _, i := range list {
		if i.State.gone() {
			return nil, errState(i.ID, "monitored")
		}
		state := map[bool]string{true: "enabled", false: "disabled"}[on]
		if i.Monitoring != on {
			state = map[bool]string{true: "pending", false: "disabling"}[on]
		}
		d := i.clone()
		d.Monitoring = on
		instances.Put(tx, d)
		out = append(out, api.InstanceMonitoring{InstanceId: new(i.ID), Monitoring: &api.Monitoring{State: &state}})
	}
	return out, nil
}
