package instance

import (
	"context"
	"errors"
	"time"

	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// adoptController looks at all machines once, at start.
const adoptController = "ec2.instance.adopt"

// adopt is the controller that runs at start: machines that the state does not
// know are removed, and each instance is looked at, because a machine may have
// ended, or the host, while nobody watched.
func (s *Room) adopt(c *cloud.Call, _ store.Key) error {
	list, err := s.plane.Machines(c)
	if err != nil {
		return err
	}
	var strays []string
	err = c.Update(func(tx store.Tx) error {
		strays = nil
		for _, m := range list {
			if i, ok := byID(tx, m.ID); !ok || i.State == Terminated {
				strays = append(strays, m.ID)
			}
		}
		for i := range instances.Scan(tx) {
			if i.State != Stopped {
				tx.After(time.Time{}, instanceController, i.key())
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range strays {
		if e := s.plane.RemoveMachine(c, id); e != nil && !errors.Is(e, plane.ErrNotFound) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// byID is the instance of an id, of any account and region.
func byID(r store.Reader, id string) (*Instance, bool) {
	for i := range instances.Index(r, "id", id) {
		return i, true
	}
	return nil, false
}

// changedByItself is told by the data plane that a machine shut itself down,
// rebooted or crashed.
func (s *Room) changedByItself(m plane.MachineStatus) {
	s.mu.Lock()
	c := s.cloud
	s.mu.Unlock()
	if m.State != plane.Stopped {
		return
	}
	// The state decides what that means: the controller asks the plane again.
	// Should the store be closing, adopt looks at the next start.
	_ = c.DB().Update(context.Background(), func(tx store.Tx) error {
		if i, ok := byID(tx, m.ID); ok && i.State == Running {
			tx.After(time.Time{}, instanceController, i.key())
		}
		return nil
	})
}

// shutDown is what becomes of an instance that was shut down from inside.
func (s *Room) shutDown(c *cloud.Call, id string) error {
	return c.Update(func(tx store.Tx) error {
		i, err := Find(c, tx, id)
		if err != nil || i.State != Running {
			return err
		}
		d := i.clone()
		d.Why, d.Reason, d.Force = insideShutdown, "", true // there is nothing left to ask
		if i.TerminateOnShutdown {
			s.become(c, tx, d, ShuttingDown)
		} else {
			s.become(c, tx, d, Stopping)
		}
		return nil
	})
}

// forget removes an instance whose time of being described is over.
func forget(c *cloud.Call, tx store.Tx, i *Instance) {
	instances.Delete(tx, i.key()...)
	resource.Unregister(c.In(i.Account, i.Region), tx, i.ID)
}
