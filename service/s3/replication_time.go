package s3

import (
	"time"

	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

// Replication time control promises that replicas are there within 15 minutes,
// and tells when they are not.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-time-control.html
const (
	replicationTimeController = "s3.replicationtime"
	replicationThreshold      = 15 * time.Minute
)

// timed tells whether a rule has replication time control.
func timed(rule *api.ReplicationRule) bool {
	t := rule.Destination.ReplicationTime
	return t != nil && t.Status == "Enabled"
}

// watchReplication has a version looked at when its replicas should be there.
func watchReplication(tx store.Tx, o *Object, rules []*api.ReplicationRule, now time.Time) {
	for _, rule := range rules {
		if timed(rule) {
			tx.After(now.Add(replicationThreshold), replicationTimeController, restoreKey(o))
			return
		}
	}
}

// missReplication is the controller of one version: it tells of replicas that
// are not there in time.
func missReplication(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		name, _ := key[0].(string)
		b, ok := buckets.Get(tx, name)
		o, found := versionBySeq(tx, key)
		if !ok || !found || o.Replication != "PENDING" || b.Notification == nil {
			return nil
		}
		notify(c.In(b.Account, b.Region), tx, b, o, eventReplicationMissed)
		return nil
	})
}

// tellLate tells of a replica that was asked for at a time and came too late.
func tellLate(c *cloud.Call, tx store.Tx, b *Bucket, o *Object, since time.Time) {
	if b.Notification == nil || b.Replication == nil || c.Now.Sub(since) <= replicationThreshold {
		return
	}
	for _, rule := range replicationRules(b, o) {
		if timed(rule) {
			notify(c, tx, b, o, eventReplicationLate)
			return
		}
	}
}
