package group

import (
	"time"

	"pileus/cloud"
	"pileus/store"
)

// Hook is a lifecycle hook.
type Hook struct {
	Account, Region, Group, Name string
	Transition                   string
	Target, Role, Metadata       string // "" for none
	Heartbeat                    int32  // seconds
	Default                      string // "CONTINUE", "ABANDON"
}

// Hooking are the lifecycle hooks of groups.
var Hooking = &store.Table[Hook]{
	Name: "autoscaling.hook",
	Key:  func(h *Hook) store.Key { return store.K(h.Account, h.Region, h.Group, h.Name) },
	Memo: 1024,
}

// Transitions that hooks can be put on, and what they can answer.
const (
	launching   = "autoscaling:EC2_INSTANCE_LAUNCHING"
	terminating = "autoscaling:EC2_INSTANCE_TERMINATING"

	proceed = "CONTINUE"
	abandon = "ABANDON"
)

// longestAction is the most that a lifecycle action takes: 48 hours, or a
// hundred heartbeats.
const longestAction = 48 * time.Hour

// global is the hook's GlobalTimeout.
func (h *Hook) global() time.Duration {
	return min(100*time.Duration(h.Heartbeat)*time.Second, longestAction)
}

// waits are the lifecycle actions that begin for an instance.
func (s *scene) waits(c *cloud.Call, i *Instance, transition string) (list []Wait) {
	if transition == launching && i.Plain {
		return nil
	}
	for _, h := range s.hooks {
		if h.Transition == transition {
			list = append(list, Wait{
				Hook: h.Name, Token: c.Rand().UUID(),
				Deadline: c.Now.Add(time.Duration(h.Heartbeat) * time.Second), Last: c.Now.Add(h.global()),
			})
		}
	}
	return list
}

// answer is what the hooks of an instance have said, taken together: "" while
// one is waited for. by says who abandoned it.
func (s *scene) answer(c *cloud.Call, i *Instance) (result, by string) {
	result = proceed
	for _, w := range i.Hooks {
		said, why := w.Result, "Lifecycle Action Completed with ABANDON Result"
		h := s.hook(w.Hook)
		switch due := earlier(w.Deadline, w.Last); {
		case said != "":
		case h == nil: // deleting a hook completes its actions
			said, why = abandon, "Lifecycle Hook was deleted"
			if i.Leaving != nil {
				said = proceed
			}
		case !c.Now.Before(due):
			said, why = h.Default, "Heartbeat Timeout"
		default:
			s.wake(due)
			if result == proceed {
				result = ""
			}
			continue
		}
		if said == abandon {
			return abandon, "Instance failed to complete user's Lifecycle Action: Lifecycle Action with token " + w.Token + " was abandoned: " + why
		}
	}
	return result, ""
}

func (s *scene) hook(name string) *Hook {
	for _, h := range s.hooks {
		if h.Name == name {
			return h
		}
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
