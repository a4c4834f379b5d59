package market

import (
	"time"

	"pileus/cloud"
	"pileus/service/ec2/instance"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// warning is how long before an interruption its notice is given.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
const warning = 2 * time.Minute

// Interrupt takes a spot instance back, as if there were no more capacity: the
// instance gets its notice now and is interrupted two minutes later.
func Interrupt(c *cloud.Call, tx store.Tx, id string) error {
	q, err := interruptible(c, tx, id)
	if err != nil {
		return err
	}
	if q.Notice.Action == "" {
		q.announce(c, tx, "no-capacity")
	}
	return nil
}

// Recommend tells a spot instance that it is at risk, without a notice yet.
func Recommend(c *cloud.Call, tx store.Tx, id string) error {
	q, err := interruptible(c, tx, id)
	if err != nil {
		return err
	}
	q.Notice.Rebalance = c.Now
	requests.Put(tx, q)
	wakeFleetOf(c, tx, id)
	return nil
}

// interruptible is the request of a spot instance that runs, to be changed.
func interruptible(c *cloud.Call, tx store.Tx, id string) (*request, error) {
	i, err := instance.Find(c, tx, id)
	if err != nil {
		return nil, err
	}
	q, ok := of(c, tx, id)
	if !ok || i.LifeCycle != "spot" {
		return nil, resource.Unsupported("The instance '%s' is not a Spot Instance.", id)
	}
	if i.State != instance.Running && i.State != instance.Pending {
		return nil, resource.Errorf("IncorrectInstanceState", "The instance '%s' is not in a state from which it can be interrupted.", id)
	}
	return new(*q), nil
}

// announce gives the instance of a request its notice. Hibernation begins at
// once.
func (q *request) announce(c *cloud.Call, tx store.Tx, why string) {
	at := c.Now.Add(warning)
	if q.Behavior == "hibernate" {
		at = c.Now
	}
	q.Notice.Action, q.Notice.At, q.Notice.Why = q.Behavior, at, why
	if q.Notice.Rebalance.IsZero() {
		q.Notice.Rebalance = c.Now
	}
	if !over(q.State) {
		code := "marked-for-stop"
		if q.Behavior == "terminate" {
			code = "marked-for-termination"
		}
		q.to(c.Now, q.State, code)
	}
	requests.Put(tx, q)
	tx.After(at, requestController, q.key())
	wakeFleetOf(c, tx, q.Instance)
}

// strike interrupts the instance of a request whose notice is over.
func (s *Room) strike(c *cloud.Call, tx store.Tx, q *request) error {
	if c.Now.Before(q.Notice.At) {
		tx.After(q.Notice.At, requestController, q.key())
		return nil
	}
	if q.Notice.Action == "terminate" {
		return s.instances.Terminate(c, tx, q.Instance, instance.SpotTermination)
	}
	return s.instances.Stop(c, tx, q.Instance, instance.SpotShutdown, q.Notice.Action == "hibernate")
}

// interruption is the notice of an instance, for its metadata.
func interruption(c *cloud.Call, r store.Reader, id string) (action string, at, rebalance time.Time) {
	if q, ok := of(c, r, id); ok {
		return q.Notice.Action, q.Notice.At, q.Notice.Rebalance
	}
	return "", time.Time{}, time.Time{}
}

// wakeFleetOf has the fleet of an instance look at it.
func wakeFleetOf(c *cloud.Call, tx store.Tx, id string) {
	if i, err := instance.Find(c, tx, id); err == nil && i.Fleet != "" {
		tx.After(time.Time{}, fleetController, store.K(i.Account, i.Region, i.Fleet))
	}
}
