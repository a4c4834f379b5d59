package instance

import (
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/ebs"
	"pileus/store"
)

// State is what an instance is doing. Pending, stopping and shutting-down are
// on their way: the controller brings the machine there and writes the state
// that they lead to.
type State int32

// The codes are AWS's.
const (
	Pending      State = 0
	Running      State = 16
	ShuttingDown State = 32
	Terminated   State = 48
	Stopping     State = 64
	Stopped      State = 80
)

// String is the state's name on the wire.
func (s State) String() string {
	switch s {
	case Pending:
		return api.InstanceStateNamePending
	case Running:
		return api.InstanceStateNameRunning
	case ShuttingDown:
		return api.InstanceStateNameShuttingDown
	case Terminated:
		return api.InstanceStateNameTerminated
	case Stopping:
		return api.InstanceStateNameStopping
	}
	return api.InstanceStateNameStopped
}

func (s State) api() *api.InstanceState {
	return &api.InstanceState{Code: new(int32(s)), Name: new(s.String())}
}

// gone tells whether the instance is, or will be, no more.
func (s State) gone() bool { return s == ShuttingDown || s == Terminated }

// kept is how long a terminated instance can still be described.
const kept = time.Hour

// instanceController brings a machine to the state of its instance.
const instanceController = "ec2.instance"

// become changes the state of a clone of an instance, writes it, and asks for
// the controller.
func (s *Room) become(c *cloud.Call, tx store.Tx, i *Instance, to State) {
	from := i.State
	i.State = to
	at := time.Time{}
	if to == Terminated {
		i.Ended = c.Now
		at = c.Now.Add(kept)
	}
	instances.Put(tx, i)
	if to != Running && to != Stopped {
		tx.After(at, instanceController, i.key())
	}
	if to == Stopped || to == ShuttingDown {
		ebs.Restarted(tx, i.Account, i.Region, i.ID)
	}
	for _, f := range s.Hooks.Changed {
		f(c, tx, i, from)
	}
}

// Reasons, in AWS's words.
var (
	userShutdown   = Reason{"Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown"}
	userHibernate  = Reason{"Client.UserInitiatedHibernate", "Client.UserInitiatedHibernate: User initiated hibernate"}
	insideShutdown = Reason{"Client.InstanceInitiatedShutdown", "Client.InstanceInitiatedShutdown: Instance initiated shutdown"}
	launchFailed   = Reason{"Server.InternalError", "Server.InternalError: Internal error on launch"}
	// SpotTermination is why a spot instance ends whose capacity is taken back.
	SpotTermination = Reason{"Server.SpotInstanceTermination", "Server.SpotInstanceTermination: Spot instance termination"}
	// SpotShutdown is why a spot instance stops so.
	SpotShutdown  = Reason{"Server.SpotInstanceShutdown", "Server.SpotInstanceShutdown: Instance stopped by Spot"}
	scheduledStop = Reason{"Server.ScheduledStop", "Server.ScheduledStop: Stopped due to a scheduled event"}
)

// initiated is a StateTransitionReason.
func initiated(now time.Time) string {
	return "User initiated (" + now.UTC().Format("2006-01-02 15:04:05") + " GMT)"
}

// Terminate begins to end an instance for a reason; for rooms that take
// instances back. An instance that is gone is left alone.
func (s *Room) Terminate(c *cloud.Call, tx store.Tx, id string, why Reason) error {
	i, err := Find(c, tx, id)
	if err != nil || i.State.gone() {
		return err
	}
	d := i.clone()
	d.Why, d.Reason = why, ""
	s.become(c, tx, d, ShuttingDown)
	return nil
}

// Stop begins to stop an instance for a reason, or to hibernate it. One that
// does not run is left alone.
func (s *Room) Stop(c *cloud.Call, tx store.Tx, id string, why Reason, hibernate bool) error {
	i, err := Find(c, tx, id)
	if err != nil || i.State != Running && i.State != Pending {
		return err
	}
	d := i.clone()
	d.Why, d.Reason, d.Force, d.Hibernates = why, "", false, hibernate && i.Hibernation
	s.become(c, tx, d, Stopping)
	return nil
}
