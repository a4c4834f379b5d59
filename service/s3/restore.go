package s3

import (
	"fmt"
	"net/http"
	"time"

	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

// restoreController finishes restores, and ends the life of the copies.
const restoreController = "s3.restore"

// maxExpedited is how long an expedited retrieval takes at most. A slower one
// under way can be upgraded to it.
const maxExpedited = 5 * time.Minute

// restoreObject asks for a copy of an archived object that can be read for
// some days. It takes as long as on AWS, by the cloud's clock.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects-retrieval-options.html
func restoreObject(c *cloud.Call, tx store.Tx, in *api.RestoreObjectInput) (*api.RestoreObjectOutput, error) {
	b, o, err := findIn(c, tx, in.Bucket, in.Key, in.VersionId, "POST")
	if err != nil {
		return nil, err
	}
	q := in.RestoreRequest
	if q == nil {
		return nil, errMalformedXML
	}
	if q.Type != nil || q.SelectParameters != nil || q.OutputLocation != nil {
		return nil, errNotBuilt("pileus does not run queries as part of a restore.")
	}
	if o.Class == tieringClass {
		return restoreTier(c, tx, b, o, q)
	}
	if !oneOf(o.Class, "GLACIER", "DEEP_ARCHIVE") {
		return nil, api.ErrInvalidObjectState.New("Restore is not allowed for the object's current storage class").
			Details(&api.InvalidObjectState{StorageClass: new(o.StorageClass())})
	}
	days := cloud.Or(q.Days, 0)
	switch {
	case q.Days == nil:
		return nil, errMalformedXML
	case days <= 0:
		return nil, errArgument("Days", fmt.Sprint(days), "restoration days should be at least 1")
	}
	changed := *o
	changed.RestoreDays = days
	out := &api.RestoreObjectOutput{RequestCharged: charged(c, b)}
	if o.Restored.After(c.Now) { // the copy is kept longer, or shorter
		changed.Restored = dueAfter(c.Now, days)
		updateVersion(tx, &changed)
		tx.After(changed.Restored, restoreController, restoreKey(o))
		return out, nil
	}
	tier := cloud.Or(q.Tier, "Standard")
	if q.GlacierJobParameters != nil {
		tier = q.GlacierJobParameters.Tier
	}
	wait, err := restoreTime(c, o.Class, tier)
	if err != nil {
		return nil, err
	}
	done := c.Now.Add(wait)
	if !o.Restoring.IsZero() && (tier != "Expedited" || o.Restoring.Sub(c.Now) <= maxExpedited || o.RestoreDays != days) {
		return nil, api.ErrRestoreAlreadyInProgress.New("Object restore is already in progress")
	}
	changed.Restoring = done
	updateVersion(tx, &changed)
	tx.After(done, restoreController, restoreKey(o))
	if c.HTTP != nil {
		c.HTTP.Status = http.StatusAccepted
	}
	emitEvent(c, tx, b, &changed, eventRestorePost)
	tx.OnCommit(func() { meterRestore(c, b, o, tier) })
	return out, nil
}

func restoreKey(o *Object) store.Key { return store.K(o.Bucket, o.Key, o.Seq) }

// restoreTime is how long a retrieval takes, drawn from AWS's range.
func restoreTime(c *cloud.Call, class, tier string) (time.Duration, error) {
	between := func(from, to time.Duration) (time.Duration, error) {
		return from + time.Duration(c.Rand().Float()*float64(to-from)), nil
	}
	switch {
	case !oneOf(tier, "Expedited", "Standard", "Bulk"):
		return 0, errMalformedXML
	case class == "DEEP_ARCHIVE" && tier == "Expedited":
		return 0, errArgument("Tier", tier, "Retrieval option is not supported by this storage class")
	case class == "DEEP_ARCHIVE" && tier == "Standard":
		return 12 * time.Hour, nil
	case class == "DEEP_ARCHIVE":
		return 48 * time.Hour, nil
	case tier == "Expedited":
		return between(time.Minute, maxExpedited)
	case tier == "Bulk":
		return between(5*time.Hour, 12*time.Hour)
	}
	return between(3*time.Hour, 5*time.Hour)
}

// runRestore is the controller of one version's restore.
func runRestore(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		name, _ := key[0].(string)
		b, ok := buckets.Get(tx, name)
		if !ok {
			return nil
		}
		o, ok := versionBySeq(tx, key)
		if !ok {
			return nil
		}
		call := c.In(b.Account, b.Region)
		changed := *o
		switch {
		case !o.Restoring.IsZero() && o.Restoring.After(c.Now):
			tx.After(o.Restoring, restoreController, key)
		case !o.Restoring.IsZero() && o.Class == tieringClass:
			changed.Accessed, changed.Restoring = o.Restoring, time.Time{}
			updateVersion(tx, &changed)
			emitEvent(call, tx, b, &changed, eventRestoreDone)
		case !o.Restoring.IsZero():
			changed.Restored, changed.Restoring = dueAfter(o.Restoring, o.RestoreDays), time.Time{}
			updateVersion(tx, &changed)
			emitEvent(call, tx, b, &changed, eventRestoreDone)
			tx.After(changed.Restored, restoreController, key)
		case o.Restored.After(c.Now):
			tx.After(o.Restored, restoreController, key)
		case !o.Restored.IsZero():
			emitEvent(call, tx, b, o, eventRestoreExpired)
			changed.Restored, changed.RestoreDays = time.Time{}, 0
			updateVersion(tx, &changed)
		}
		return nil
	})
}

// versionBySeq is the version with the key (bucket, key, Seq).
func versionBySeq(r store.Reader, key store.Key) (*Object, bool) {
	seq, ok := key[2].(int64)
	if !ok {
		return nil, false
	}
	if o, ok := objects.Get(r, key[0], key[1]); ok && o.Seq == seq {
		return o, true
	}
	return versions.Get(r, key[0], key[1], -seq)
}
