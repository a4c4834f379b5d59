package instance

import (
	"slices"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Event is a scheduled event: something that Amazon will do to an instance.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-instances-status-check_sched.html
type Event struct {
	ID, Code, Description string
	NotBefore, NotAfter   time.Time
	Deadline              time.Time // to which NotBefore can be moved; zero: it cannot
	Done                  time.Time // zero while it is scheduled
	Canceled              bool
}

// eventController performs the events of an instance whose time has come.
const eventController = "ec2.instance.event"

// shown is how long an event that is over is still described.
const shown = 7 * 24 * time.Hour

// Schedule gives an instance an event, for operators and fault injection. Code
// is "instance-reboot", "system-reboot", "system-maintenance",
// "instance-retirement" or "instance-stop".
func (s *Room) Schedule(c *cloud.Call, tx store.Tx, id string, e Event) (string, error) {
	if !slices.Contains([]string{"instance-reboot", "system-reboot", "system-maintenance", "instance-retirement", "instance-stop"}, e.Code) {
		return "", resource.Invalid(e.Code, "code")
	}
	e.ID = resource.NewID(c, "instance-event")
	err := change(c, tx, id, func(i *Instance) error {
		i.Events = append(i.Events, e)
		s.wakeEvents(tx, i)
		return nil
	})
	return e.ID, err
}

// wakeEvents asks for the controller at the next event's time.
func (s *Room) wakeEvents(tx store.Tx, i *Instance) {
	for _, e := range i.Events {
		if e.Done.IsZero() {
			tx.After(e.NotBefore, eventController, i.key())
		}
	}
}

// performEvents is the controller.
func (s *Room) performEvents(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		i, ok := instances.Get(tx, key...)
		if !ok || i.State.gone() {
			return nil
		}
		d := i.clone()
		var due []Event
		for n := range d.Events {
			if e := &d.Events[n]; e.Done.IsZero() && !c.Now.Before(e.NotBefore) {
				e.Done = c.Now
				due = append(due, *e)
			}
		}
		if len(due) == 0 {
			s.wakeEvents(tx, i)
			return nil
		}
		for _, e := range due {
			s.perform(d, e)
		}
		if d.State != i.State {
			to := d.State
			d.State = i.State
			s.become(c, tx, d, to)
			return nil
		}
		instances.Put(tx, d)
		if d.Reboots != i.Reboots {
			tx.After(time.Time{}, instanceController, d.key())
		}
		return nil
	})
}

// perform does what an event is, to a clone of the instance.
func (s *Room) perform(d *Instance, e Event) {
	if d.State != Running {
		return
	}
	switch e.Code {
	case "instance-reboot", "system-reboot":
		d.Reboots++
	case "instance-stop", "instance-retirement":
		d.State, d.Why, d.Reason = Stopping, scheduledStop, ""
	}
}

// migrate has a restart that the customer asks for bring the instance to other
// hardware, so that the restarts which Amazon has scheduled are not needed.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/schedevents_actions_reboot.html
func (i *Instance) migrate(now time.Time) {
	for n := range i.Events {
		if e := &i.Events[n]; e.Code == "system-reboot" && e.Done.IsZero() && !i.NoRebootMigration {
			e.Done = now
		}
	}
}

// events are the instance's as the API shows them.
func (i *Instance) events(now time.Time) []api.InstanceStatusEvent {
	out := []api.InstanceStatusEvent{}
	for _, e := range i.Events {
		if e.Done.IsZero() || now.Sub(e.Done) < shown {
			out = append(out, e.api())
		}
	}
	return out
}

func (e Event) api() api.InstanceStatusEvent {
	text := e.Description
	switch {
	case e.Canceled:
		text = "[Canceled] " + text
	case !e.Done.IsZero():
		text = "[Completed] " + text
	}
	out := api.InstanceStatusEvent{InstanceEventId: &e.ID, Code: &e.Code, Description: &text, NotBefore: &e.NotBefore}
	if !e.NotAfter.IsZero() {
		out.NotAfter = &e.NotAfter
	}
	if !e.Deadline.IsZero() {
		out.NotBeforeDeadline = &e.Deadline
	}
	return out
}

func (s *Room) modifyInstanceEventStartTime(c *cloud.Call, tx store.Tx, in *api.ModifyInstanceEventStartTimeInput) (*api.ModifyInstanceEventStartTimeOutput, error) {
	out := &api.ModifyInstanceEventStartTimeOutput{}
	err := change(c, tx, in.InstanceId, func(i *Instance) error {
		n := slices.IndexFunc(i.Events, func(e Event) bool { return e.ID == in.InstanceEventId && e.Done.IsZero() })
		if n < 0 {
			return resource.Errorf("InvalidInstanceEventIDNotFound", "The instance event ID '%s' does not exist", in.InstanceEventId)
		}
		e := &i.Events[n]
		switch {
		case e.Deadline.IsZero():
			return resource.Errorf("UnsupportedInstanceEvent", "The event '%s' cannot be rescheduled.", e.ID)
		case in.NotBefore.Before(c.Now), in.NotBefore.After(e.Deadline):
			return resource.Errorf("InvalidInstanceEventStartTime", "The start time of the event must be in the future and not after its deadline: %s.", stampOf(e.Deadline))
		}
		if !e.NotAfter.IsZero() {
			e.NotAfter = in.NotBefore.Add(e.NotAfter.Sub(e.NotBefore))
		}
		e.NotBefore = in.NotBefore
		s.wakeEvents(tx, i)
		out.Event = new(e.api())
		return nil
	})
	return out, err
}
