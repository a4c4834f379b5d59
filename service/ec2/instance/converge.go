package instance

import (
	"errors"
	"fmt"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/ebs"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

const (
	// grace is how long a system may take to shut down: minutes, of which one
	// with a kernel of its own makes use where its processor is emulated.
	// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-reboot.html
	stopGrace      = 2 * time.Minute
	terminateGrace = 10 * time.Second
	rebootGrace    = 4 * time.Minute
	// tries is how often a machine is started before the instance is given up.
	tries = 4
)

// reconcile brings the machine of an instance to the state that is wanted, and
// writes the state that this leads to. Whatever it did, it does again without
// harm; what changed meanwhile, it finds at its next run.
func (s *Room) reconcile(c *cloud.Call, key store.Key) error {
	i, err := s.current(c, key)
	if err != nil {
		return err
	}
	if i == nil { // the record is gone, and so shall the machine be
		return s.plane.RemoveMachine(c, key[2].(string))
	}
	switch i.State {
	case Pending:
		return s.start(c, i)
	case Running:
		if i.Replacing != "" {
			return s.replaceRoot(c, i)
		}
		return s.keepRunning(c, i)
	case Stopping:
		return s.stop(c, i)
	case ShuttingDown:
		return s.end(c, i)
	case Terminated:
		return s.expire(c, i)
	}
	return nil
}

// current is an instance as it is now; nil where there is none.
func (s *Room) current(c *cloud.Call, key store.Key) (i *Instance, err error) {
	err = c.View(func(r store.Reader) error {
		i, _ = instances.Get(r, key...)
		return nil
	})
	return i, err
}

// start boots the machine of a pending instance.
func (s *Room) start(c *cloud.Call, i *Instance) error {
	if err := s.boot(c, i); err != nil {
		return s.failed(c, i, err)
	}
	return s.settle(c, i, func(tx store.Tx, d *Instance) error {
		d.Attempts, d.Asleep, d.Since, d.Rebooted = 0, false, c.Now, d.Reboots
		d.Why, d.Reason = Reason{}, ""
		s.become(c, tx, d, Running)
		s.wakeEvents(tx, d)
		return nil
	})
}

// boot has the machine run: volumes, network, metadata, and then itself.
func (s *Room) boot(c *cloud.Call, i *Instance) error {
	m, err := s.machine(c, i)
	if err != nil {
		return err
	}
	if err := s.network.Converge(c, i.VPC); err != nil {
		return err
	}
	if err := s.openMetadata(c, i); err != nil {
		return err
	}
	if i.Asleep {
		if err := s.plane.ThawMachine(c, i.ID); err == nil {
			return nil
		} // else its memory was lost: it boots
	}
	return s.plane.EnsureMachine(c, m)
}

// machine is the instance as the data plane takes it, its volumes open.
func (s *Room) machine(c *cloud.Call, i *Instance) (m plane.Machine, err error) {
	t := i.Kind()
	m = plane.Machine{
		ID: i.ID, Type: i.Type, Image: i.Boots, VCPUs: max(i.Cores*i.Threads, 1), MemoryMiB: t.MemoryMiB, VPC: i.VPC,
		Guest: plane.Guest{User: i.User},
	}
	m.Image.Firmware = t.firmware(i.Boots.Firmware)
	if i.Windows() {
		m.Engine = "qemu"
	}
	if s.Authority != nil {
		if m.Guest.Authority, err = s.Authority(); err != nil {
			return m, err
		}
		m.Guest.Environment = trusting
	}
	err = c.View(func(r store.Reader) error {
		list := vpc.InterfacesOf(c, r, i.ID)
		m.Guest.Nameservers, m.Guest.Search = vpc.Lease(c, r, i.VPC)
		m.Hostname, m.Interfaces, m.CPUShare = i.hostname(list), nil, i.share(r)
		for _, n := range list {
			m.Interfaces = append(m.Interfaces, n.ID)
		}
		return nil
	})
	if err != nil {
		return m, err
	}
	attached, err := s.volumes.Boot(c, i.ID)
	if err != nil {
		return m, err
	}
	for _, a := range attached {
		if a.Device == i.RootDevice {
			m.Root = a
		} else {
			m.Volumes = append(m.Volumes, a)
		}
	}
	if m.Root.Volume == "" {
		return m, fmt.Errorf("instance %s has no root volume", i.ID)
	}
	store, err := s.openStore(c, i)
	m.Volumes = append(m.Volumes, store...)
	return m, err
}

// hostname is what the machine calls itself.
func (i *Instance) hostname(list []*vpc.Interface) string {
	if len(list) > 0 && len(list[0].Addresses) > 0 {
		return i.privateName(list[0].Addresses[0].Private)
	}
	return i.ID + "." + internalDomain(i.Region)
}

// failed counts a start that failed. After some tries, or where the data plane
// cannot do it at all, the instance is given up: a new one is terminated, one
// that was started again stops.
func (s *Room) failed(c *cloud.Call, i *Instance, cause error) error {
	if c.Err() != nil {
		return cause // the cloud stops; the next one goes on
	}
	gaveUp := false
	err := s.settle(c, i, func(tx store.Tx, d *Instance) error {
		d.Attempts++
		if gaveUp = d.Attempts >= tries || errors.Is(cause, plane.ErrUnsupported); !gaveUp {
			instances.Put(tx, d)
			return nil
		}
		d.Why, d.Reason, d.Force, d.Attempts = launchFailed, "Server.InternalError", true, 0
		if errors.Is(cause, plane.ErrUnsupported) {
			d.Why.Message += ": " + cause.Error()
		}
		if d.Boot > 1 {
			s.become(c, tx, d, Stopping)
		} else {
			s.become(c, tx, d, ShuttingDown)
		}
		return nil
	})
	if gaveUp || err != nil {
		return err
	}
	return cause
}

// settle writes what came of working on i, unless the instance has changed its
// state or was started again meanwhile: then the controller runs again anyway.
func (s *Room) settle(c *cloud.Call, i *Instance, f func(tx store.Tx, d *Instance) error) error {
	return c.Update(func(tx store.Tx) error {
		now, ok := instances.Get(tx, i.key()...)
		if !ok || now.State != i.State || now.Boot != i.Boot {
			return nil
		}
		return f(tx, now.clone())
	})
}

// keepRunning boots again what runs no more though nobody stopped it: the host
// was restarted. It performs a reboot that was asked for, and otherwise sees to
// it that all that belongs to the machine is there and its limits are right.
func (s *Room) keepRunning(c *cloud.Call, i *Instance) error {
	st, err := s.plane.MachineStatus(c, i.ID)
	switch {
	case errors.Is(err, plane.ErrNotFound):
		return s.boot(c, i)
	case err != nil:
		return err
	case i.Reboots != i.Rebooted:
		return s.reboot(c, i)
	case st.State == plane.Stopped && st.Reason == "shutdown":
		return s.shutDown(c, i.ID)
	case st.State == plane.Stopped && st.Reason == "crashed":
		return nil // as a panicked kernel: the status check tells, a reboot helps
	}
	return s.boot(c, i)
}

func (s *Room) reboot(c *cloud.Call, i *Instance) error {
	m, err := s.machine(c, i)
	if err != nil {
		return err
	}
	if err := s.plane.RebootMachine(c, m, rebootGrace); err != nil {
		return err
	}
	return s.settle(c, i, func(tx store.Tx, d *Instance) error {
		d.Rebooted = i.Reboots
		instances.Put(tx, d)
		if d.Rebooted == d.Reboots {
			ebs.Restarted(tx, d.Account, d.Region, d.ID)
		}
		return nil
	})
}

// stop ends the machine of a stopping instance, or freezes it, and keeps its
// volumes.
func (s *Room) stop(c *cloud.Call, i *Instance) error {
	slept := false
	if i.Hibernates {
		slept = s.plane.FreezeMachine(c, i.ID) == nil
	}
	if !slept {
		if err := s.halt(c, i, stopGrace); err != nil {
			return err
		}
		if err := s.volumes.Halt(c, i.ID); err != nil {
			return err
		}
		if err := s.loseStore(c, i); err != nil {
			return err
		}
	}
	return s.settle(c, i, func(tx store.Tx, d *Instance) error {
		s.used(c, tx, d)
		d.finishRoot(c, tx, api.ReplaceRootVolumeTaskStateFailed)
		d.Asleep, d.Hibernates, d.Force, d.Attempts, d.Since = slept, false, false, 0, time.Time{}
		vpc.ReleasePublicAddress(c, tx, d.ID)
		s.become(c, tx, d, Stopped)
		return nil
	})
}

// halt ends a machine, which may not be there.
func (s *Room) halt(c *cloud.Call, i *Instance, patience time.Duration) error {
	if i.Force {
		patience = 0
	}
	err := s.plane.StopMachine(c, i.ID, patience)
	if errors.Is(err, plane.ErrNotFound) {
		return nil
	}
	return err
}

// end removes the machine of an instance that is terminated, and what ends
// with it.
func (s *Room) end(c *cloud.Call, i *Instance) error {
	if err := s.halt(c, i, terminateGrace); err != nil {
		return err
	}
	if err := s.plane.RemoveMachine(c, i.ID); err != nil && !errors.Is(err, plane.ErrNotFound) {
		return err
	}
	if err := s.volumes.Halt(c, i.ID); err != nil {
		return err
	}
	if err := s.loseStore(c, i); err != nil {
		return err
	}
	err := s.settle(c, i, func(tx store.Tx, d *Instance) error {
		s.used(c, tx, d)
		d.finishRoot(c, tx, api.ReplaceRootVolumeTaskStateFailed)
		vpc.DetachAll(c, tx, d.ID)
		if err := ebs.Terminate(c, tx, d.ID); err != nil {
			return err
		}
		userDatas.Delete(tx, d.key()...)
		d.Events, d.Profile, d.Asleep, d.Force = nil, nil, false, false
		s.become(c, tx, d, Terminated)
		return nil
	})
	if err != nil {
		return err
	}
	return s.closeMetadata(c, i)
}

// closeMetadata ends the metadata service of a VPC that has no instances any
// more. One that came while this looked gets it again.
func (s *Room) closeMetadata(c *cloud.Call, i *Instance) error {
	needed := func() (yes bool, err error) {
		err = c.View(func(r store.Reader) error { yes = othersIn(r, i); return nil })
		return yes, err
	}
	if yes, err := needed(); yes || err != nil {
		return err
	}
	s.metadata.Close(i.VPC)
	yes, err := needed()
	if yes {
		return s.openMetadata(c, i)
	}
	return err
}

// othersIn tells whether other instances of the VPC may use its metadata
// service.
func othersIn(r store.Reader, i *Instance) bool {
	for o := range instances.Index(r, "vpc", i.Account, i.Region, i.VPC) {
		if o.ID != i.ID && o.State != Terminated {
			return true
		}
	}
	return false
}

// expire forgets a terminated instance when its hour is over.
func (s *Room) expire(c *cloud.Call, i *Instance) error {
	if err := s.plane.RemoveMachine(c, i.ID); err != nil && !errors.Is(err, plane.ErrNotFound) {
		return err
	}
	return c.Update(func(tx store.Tx) error {
		now, ok := instances.Get(tx, i.key()...)
		if !ok || now.State != Terminated {
			return nil
		}
		if due := now.Ended.Add(kept); c.Now.Before(due) {
			tx.After(due, instanceController, now.key())
			return nil
		}
		forget(c, tx, now)
		return nil
	})
}

// trusting has clients that bring a list of authorities of their own trust the
// cloud's: the aws CLI and boto3, and Node.js. The file is written by the
// machine's first process.
var trusting = []string{
	"AWS_CA_BUNDLE=/usr/local/share/ca-certificates/pileus.crt",
	"NODE_EXTRA_CA_CERTS=/usr/local/share/ca-certificates/pileus.crt",
}
