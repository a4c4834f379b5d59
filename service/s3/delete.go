package s3

import (
	"errors"
	"strings"

	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

func deleteObject(c *cloud.Call, tx store.Tx, in *api.DeleteObjectInput) (*api.DeleteObjectOutput, error) {
	b, err := findBucket(tx, in.Bucket)
	if err != nil {
		return nil, err
	}
	d := deletion{key: in.Key, version: in.VersionId, mfa: in.MFA, bypass: cloud.Or(in.BypassGovernanceRetention, false),
		condition: deleteCondition{in.IfMatch, in.IfMatchLastModifiedTime, in.IfMatchSize}}
	o, err := d.run(c, tx, b)
	if err != nil {
		return nil, err
	}
	out := &api.DeleteObjectOutput{RequestCharged: charged(c, b)}
	if in.VersionId != nil {
		out.VersionId = in.VersionId
	}
	if o != nil && b.Versioning != "" {
		out.VersionId = new(o.VersionID())
		if o.Marker {
			out.DeleteMarker = new(true)
		}
	}
	return out, nil
}

// deletion is one object or version to delete.
type deletion struct {
	key       string
	version   *string
	mfa       *string
	bypass    bool // of governance locks; the permission was checked
	condition deleteCondition
}

// run deletes. It returns the version that went or, where there was no version
// id in a versioned bucket, the delete marker that came; nil where there was
// nothing, which is no error.
func (d *deletion) run(c *cloud.Call, tx store.Tx, b *Bucket) (*Object, error) {
	if err := checkKey(d.key); err != nil {
		return nil, err
	}
	if d.version == nil {
		top, _ := latest(tx, b, d.key)
		if err := d.condition.check(top, d.key); err != nil {
			return nil, err
		}
		if top != nil && b.Versioning == "" && top.protected(c.Now, d.bypass) {
			return nil, errLocked
		}
		o := removeLatest(c, tx, b, d.key)
		if o != nil {
			name := eventDelete
			if o.Marker {
				name = eventMarker
			}
			emitEvent(c, tx, b, o, name)
		}
		return o, nil
	}
	if err := checkVersionID(*d.version); err != nil {
		return nil, err
	}
	if b.MFADelete {
		if err := checkMFA(c, tx, b, d.mfa); err != nil {
			return nil, err
		}
	}
	o, ok := findVersion(tx, b, d.key, *d.version)
	if !ok {
		return nil, d.condition.check(nil, d.key)
	}
	if err := d.condition.check(o, d.key); err != nil && !o.Marker {
		return nil, err
	}
	if o.protected(c.Now, d.bypass) {
		return nil, errLocked
	}
	deleteVersion(c, tx, b, o)
	emitEvent(c, tx, b, o, eventDelete)
	return o, nil
}

// deleteObjects deletes up to a thousand objects, each for itself: one that
// fails, or may not be deleted by the caller, is an entry of the answer. All
// that are deleted go in one transaction.
func deleteObjects(c *cloud.Call, in *api.DeleteObjectsInput) (*api.DeleteObjectsOutput, error) {
	if n := len(in.Delete.Objects); n == 0 || n > maxDelete {
		return nil, errMalformedXML
	}
	refused := make([]error, len(in.Delete.Objects))
	for i := range in.Delete.Objects {
		checks, err := deleteEntryChecks(c, in, &in.Delete.Objects[i])
		if err == nil {
			err = c.Cloud.Authorise(c, &api.DeleteObjects.OpInfo, checks...)
		}
		if err != nil && !errors.Is(err, errAccessDenied) {
			return nil, err
		}
		refused[i] = err
	}
	var out *api.DeleteObjectsOutput
	err := c.Update(func(tx store.Tx) error {
		b, err := findBucket(tx, in.Bucket)
		if err != nil {
			return err
		}
		out = &api.DeleteObjectsOutput{RequestCharged: charged(c, b)}
		for i := range in.Delete.Objects {
			err := refused[i]
			if err == nil {
				err = deleteEntry(c, tx, b, in, &in.Delete.Objects[i], out)
			}
			var e *cloud.Error
			if err != nil && !errors.As(err, &e) {
				return err
			}
			if e != nil {
				entry := &in.Delete.Objects[i]
				out.Errors = append(out.Errors, api.Error{Key: &entry.Key, VersionId: entry.VersionId, Code: &e.Code, Message: &e.Message})
			}
		}
		return nil
	})
	return out, err
}

func deleteEntry(c *cloud.Call, tx store.Tx, b *Bucket, in *api.DeleteObjectsInput, entry *api.ObjectIdentifier, out *api.DeleteObjectsOutput) error {
	version := entry.VersionId
	if version != nil && strings.TrimSpace(*version) == "" {
		version = nil
	}
	d := deletion{key: entry.Key, version: version, mfa: in.MFA, bypass: cloud.Or(in.BypassGovernanceRetention, false),
		condition: deleteCondition{entry.ETag, entry.LastModifiedTime, entry.Size}}
	o, err := d.run(c, tx, b)
	if err != nil {
		return err
	}
	if cloud.Or(in.Delete.Quiet, false) {
		return nil
	}
	done := api.DeletedObject{Key: &entry.Key, VersionId: version}
	if o != nil && o.Marker {
		done.DeleteMarker, done.DeleteMarkerVersionId = new(true), new(o.VersionID())
	}
	out.Deleted = append(out.Deleted, done)
	return nil
}
