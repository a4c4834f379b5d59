package group

import (
	"pileus/cloud"
	"pileus/store"
)

// forgetController removes activities that cannot be described any more.
const forgetController = "autoscaling.forget"

// forget removes the activities of a group, or of those that had its name, that
// have ended long ago, and comes back for the next.
func forget(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		for a := range Activities.Scan(tx, key...) {
			if !over(a.Status) {
				continue
			}
			if due := a.End.Add(activitiesKept); c.Now.Before(due) {
				tx.After(due, forgetController, key)
				return nil
			}
			Activities.Delete(tx, Activities.Key(a)...)
		}
		return nil
	})
}
