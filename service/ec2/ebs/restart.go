package ebs

import (
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/store"
)

// AfterRestart has snapshots that were just asked for be taken once an instance
// has restarted: only then all is on its volumes that its system had kept in
// memory. Restarted must follow.
func AfterRestart(c *cloud.Call, tx store.Tx, instance string, ids []string) {
	for _, id := range ids {
		if n, ok := snapshots.Get(tx, c.Account, c.Region, id); ok && n.State == api.SnapshotStatePending {
			d := n.clone()
			d.After = instance
			snapshots.Put(tx, d)
		}
	}
}

// Restarted tells that an instance has restarted, or will not.
func Restarted(tx store.Tx, account, region, instance string) {
	var waiting []*Snapshot
	for n := range snapshots.Index(tx, "after", account, region, instance) {
		waiting = append(waiting, n)
	}
	for _, n := range waiting {
		d := n.clone()
		d.After = ""
		snapshots.Put(tx, d)
		if len(d.Group) == 0 || d.Group[0] == d.ID { // its controller takes the group
			tx.After(time.Time{}, snapshotController, d.key())
		}
	}
}
