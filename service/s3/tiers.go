package s3

import (
	"context"
	"net/http"
	"time"

	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

// The access tiers of Intelligent-Tiering follow from when an object was last
// read, so nothing has to run for an object to change its tier.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/intelligent-tiering-overview.html
const (
	tieringClass    = "INTELLIGENT_TIERING"
	tierFrequent    = "FREQUENT"
	tierInfrequent  = "INFREQUENT"
	tierInstant     = "ARCHIVE_INSTANT_ACCESS"
	tierArchive     = "ARCHIVE_ACCESS"
	tierDeep        = "DEEP_ARCHIVE_ACCESS"
	infrequentAfter = 30 * 24 * time.Hour
	instantAfter    = 90 * 24 * time.Hour
	// accessGrain is how exactly accesses are remembered: reading an object
	// again and again writes its record once a day.
	accessGrain = 24 * time.Hour
)

// tier is the access tier of an object now, "" outside of Intelligent-Tiering.
// Small objects are not watched and stay in the frequent tier. The archive
// tiers are those that the bucket's configurations have for the object.
func (b *Bucket) tier(o *Object, now time.Time) string {
	if o.Class != tieringClass {
		return ""
	}
	if o.Size < smallObject {
		return tierFrequent
	}
	used := o.Modified
	if o.Accessed.After(used) {
		used = o.Accessed
	}
	idle := now.Sub(used)
	tier := tierFrequent
	switch {
	case idle >= instantAfter:
		tier = tierInstant
	case idle >= infrequentAfter:
		tier = tierInfrequent
	}
	for i := range b.Tiering {
		t := &b.Tiering[i]
		if t.Status != "Enabled" || !tieringCovers(t.Filter, o) {
			continue
		}
		for _, x := range t.Tierings {
			if idle >= time.Duration(x.Days)*24*time.Hour && (x.AccessTier == tierDeep || tier != tierDeep) {
				tier = x.AccessTier
			}
		}
	}
	return tier
}

// tieringCovers tells whether a configuration is for the object.
func tieringCovers(q *api.IntelligentTieringFilter, o *Object) bool {
	var f filter
	if q != nil {
		f.prefix = cloud.Or(q.Prefix, "")
		if q.Tag != nil {
			f.tags = []api.Tag{*q.Tag}
		}
		if q.And != nil {
			f.prefix, f.tags = cloud.Or(q.And.Prefix, ""), q.And.Tags
		}
	}
	return f.match(o)
}

// archived tells whether an object has to be restored before it can be read.
func (b *Bucket) archived(o *Object, now time.Time) bool {
	if o.Class == tieringClass {
		return oneOf(b.tier(o, now), tierArchive, tierDeep)
	}
	return (o.Class == "GLACIER" || o.Class == "DEEP_ARCHIVE") && !o.Restored.After(now)
}

// archiveStatus is x-amz-archive-status.
func (b *Bucket) archiveStatus(o *Object, now time.Time) *string {
	if t := b.tier(o, now); oneOf(t, tierArchive, tierDeep) {
		return &t
	}
	return nil
}

// noteAccess remembers, once the answer is on its way, that an object in
// Intelligent-Tiering was read: it is in the frequent tier again.
func noteAccess(c *cloud.Call, o *Object) {
	if o.Class != tieringClass || c.HTTP == nil || c.Now.Sub(o.Accessed) < accessGrain || c.Now.Sub(o.Modified) < accessGrain {
		return
	}
	before, key := c.HTTP.Answered, restoreKey(o)
	c.HTTP.Answered = func(a cloud.Answer) {
		if before != nil {
			before(a)
		}
		if a.Status >= 300 {
			return
		}
		// The client may be gone by now; what fails is done by the next read.
		_ = c.Cloud.DB().Update(context.WithoutCancel(c), func(tx store.Tx) error {
			if o, ok := versionBySeq(tx, key); ok && o.Class == tieringClass {
				changed := *o
				changed.Accessed = c.Now
				updateVersion(tx, &changed)
			}
			return nil
		})
	}
}

// restoreTier brings an object back from an archive tier to the frequent one,
// where it then stays as if it had been read.
func restoreTier(c *cloud.Call, tx store.Tx, b *Bucket, o *Object, q *api.RestoreRequest) (*api.RestoreObjectOutput, error) {
	from := b.tier(o, c.Now)
	if !oneOf(from, tierArchive, tierDeep) {
		return nil, api.ErrObjectAlreadyInActiveTierError.New("This restore request is not allowed: the object is in an active access tier")
	}
	if q.Days != nil {
		return nil, errInvalidRequest("Days must not be given to restore an object in the Intelligent-Tiering storage class")
	}
	class := map[string]string{tierArchive: "GLACIER", tierDeep: "DEEP_ARCHIVE"}[from] // which take as long
	tier := cloud.Or(q.Tier, "Standard")
	if q.GlacierJobParameters != nil {
		tier = q.GlacierJobParameters.Tier
	}
	wait, err := restoreTime(c, class, tier)
	if err != nil {
		return nil, err
	}
	done := c.Now.Add(wait)
	if !o.Restoring.IsZero() && (tier != "Expedited" || o.Restoring.Sub(c.Now) <= maxExpedited) {
		return nil, api.ErrRestoreAlreadyInProgress.New("Object restore is already in progress")
	}
	changed := *o
	changed.Restoring = done
	updateVersion(tx, &changed)
	tx.After(done, restoreController, restoreKey(o))
	if c.HTTP != nil {
		c.HTTP.Status = http.StatusAccepted
	}
	emitEvent(c, tx, b, &changed, eventRestorePost)
	return &api.RestoreObjectOutput{RequestCharged: charged(c, b)}, nil
}
