package s3

import (
	"encoding/base64"
	"encoding/binary"
	"time"

	"pileus/cloud"
	"pileus/store"
)

// versionText is how version ids are spelled: 24 bytes, of which the first
// eight are the version's Seq, as 32 characters.
var versionText = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._").WithPadding(base64.NoPadding)

const versionBytes = 24

func newVersionID(c *cloud.Call, seq int64) string {
	var b [versionBytes]byte
	binary.BigEndian.PutUint64(b[:], uint64(seq))
	binary.BigEndian.PutUint64(b[8:], c.Rand().Uint64())
	binary.BigEndian.PutUint64(b[16:], c.Rand().Uint64())
	return versionText.EncodeToString(b[:])
}

// versionSeq is the Seq that a version id carries; ok is false for what cannot
// be an id of ours.
func versionSeq(id string) (seq int64, ok bool) {
	b, err := versionText.DecodeString(id)
	if err != nil || len(b) != versionBytes {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(b)), true
}

// latest is the latest version of a key, which may be a delete marker.
func latest(r store.Reader, b *Bucket, key string) (*Object, bool) {
	return objects.Get(r, b.Name, key)
}

// findVersion is one version of a key; id "null" is the null version.
func findVersion(r store.Reader, b *Bucket, key, id string) (*Object, bool) {
	top, ok := latest(r, b, key)
	if !ok {
		return nil, false
	}
	if id == top.VersionID() {
		return top, true
	}
	seq := top.NullSeq
	if id != "null" {
		if seq, ok = versionSeq(id); !ok {
			return nil, false
		}
	}
	if seq == 0 || !top.Older {
		return nil, false
	}
	v, ok := versions.Get(r, b.Name, key, -seq)
	if !ok || v.VersionID() != id {
		return nil, false
	}
	return v, true
}

// findObject is the version of a key that a request names, or the latest. Keys
// that are not there and delete markers are errors; method is the request's,
// for their text.
func findObject(r store.Reader, b *Bucket, key string, version *string, method string) (*Object, error) {
	if version == nil {
		switch o, ok := latest(r, b, key); {
		case !ok:
			return nil, errNoSuchKey(key)
		case o.Marker:
			return nil, errDeleted(o)
		default:
			return o, nil
		}
	}
	if err := checkVersionID(*version); err != nil {
		return nil, err
	}
	switch o, ok := findVersion(r, b, key, *version); {
	case !ok:
		return nil, errNoSuchVersion(key, *version)
	case o.Marker:
		return nil, errIsMarker(o, method)
	default:
		return o, nil
	}
}

// checkVersionID refuses what is not spelled like a version id.
func checkVersionID(id string) error {
	if id == "" {
		return errArgument("versionId", id, "Version id cannot be the empty string")
	}
	if id == "null" {
		return nil
	}
	if _, ok := versionSeq(id); !ok {
		return errArgument("versionId", id, "Invalid version id specified")
	}
	return nil
}

// putVersion makes o the latest version of its key, in the way that the
// bucket's versioning asks for: beside the older versions, or in the place of
// the null version. It sets o's Version and Seq.
func putVersion(c *cloud.Call, tx store.Tx, b *Bucket, o *Object) {
	old, had := latest(tx, b, o.Key)
	o.Bucket = b.Name
	o.Version, o.Noncurrent, o.Older, o.NullSeq = "", time.Time{}, false, 0
	o.Seq = c.Now.UnixNano()
	if had {
		o.Seq = max(o.Seq, old.Seq+1)
	}
	if b.Versioned() {
		o.Version = newVersionID(c, o.Seq)
	}
	var gone *Object
	if had {
		gone = o.succeed(c, tx, old)
	}
	holdInstead(c, tx, gone, o)
	objects.Insert(tx, o)
}

// succeed retires old, the latest version so far, in favour of o; the null
// version goes for good if o is a null version itself. It returns the version
// that went, nil for none, which the caller takes out of the bucket's level.
func (o *Object) succeed(c *cloud.Call, tx store.Tx, old *Object) (gone *Object) {
	o.Older, o.NullSeq = old.Older, old.NullSeq
	if old.isNull() && o.isNull() {
		dropContent(c, tx, old)
		return old
	}
	if o.isNull() && old.NullSeq != 0 {
		if null, ok := versions.Get(tx, o.Bucket, o.Key, -old.NullSeq); ok {
			dropContent(c, tx, null)
			gone = null
			versions.Delete(tx, o.Bucket, o.Key, -null.Seq)
		}
		o.NullSeq = 0
	}
	if old.isNull() {
		o.NullSeq = old.Seq
	}
	o.Older = true
	retired := *old
	retired.Noncurrent, retired.Older, retired.NullSeq = c.Now, false, 0
	versions.Insert(tx, &retired)
	return gone
}

// removeLatest does what DELETE without a version id does: a bucket that was
// never versioned loses the object, any other gets a delete marker. It returns
// what was removed or the marker, and nil where there was nothing to do.
func removeLatest(c *cloud.Call, tx store.Tx, b *Bucket, key string) *Object {
	if b.Versioning != "" {
		marker := &Object{Key: key, Marker: true, Owner: b.Account, Modified: c.Now}
		putVersion(c, tx, b, marker)
		return marker
	}
	o, ok := latest(tx, b, key)
	if !ok {
		return nil
	}
	deleteVersion(c, tx, b, o)
	return o
}

// deleteVersion removes one version, latest or not, or a delete marker, for
// good. Object lock is the caller's to ask about.
func deleteVersion(c *cloud.Call, tx store.Tx, b *Bucket, o *Object) {
	dropContent(c, tx, o)
	holdVersion(c, tx, o, -1)
	if !o.current() {
		versions.Delete(tx, o.Bucket, o.Key, -o.Seq)
		if top, ok := latest(tx, b, o.Key); ok {
			next := *top
			if o.isNull() {
				next.NullSeq = 0
			}
			_, next.Older = newestOlder(tx, b, o.Key)
			objects.Insert(tx, &next)
		}
		return
	}
	if !o.Older {
		objects.Delete(tx, o.Bucket, o.Key)
		return
	}
	heir, ok := newestOlder(tx, b, o.Key)
	if !ok {
		objects.Delete(tx, o.Bucket, o.Key)
		return
	}
	versions.Delete(tx, heir.Bucket, heir.Key, -heir.Seq)
	next := *heir
	next.Noncurrent = time.Time{}
	if next.NullSeq = o.NullSeq; heir.isNull() {
		next.NullSeq = 0
	}
	_, next.Older = newestOlder(tx, b, o.Key)
	objects.Insert(tx, &next)
}

// newestOlder is the newest of a key's noncurrent versions.
func newestOlder(r store.Reader, b *Bucket, key string) (*Object, bool) {
	for v := range versions.Scan(r, b.Name, key) {
		return v, v.Key == key // keys that go on with a NUL byte share the prefix
	}
	return nil, false
}

// updateVersion writes a version whose properties changed, in its place. Its
// class has not: see moveVersion.
func updateVersion(tx store.Tx, o *Object) {
	if o.current() {
		objects.Insert(tx, o)
		return
	}
	versions.Insert(tx, o)
}

// moveVersion puts a version into another storage class, in its place.
func moveVersion(c *cloud.Call, tx store.Tx, o *Object, class string) *Object {
	moved := *o
	moved.Class = class
	if class == tieringClass {
		moved.Accessed = c.Now // it is watched from now on
	}
	holdInstead(c, tx, o, &moved)
	updateVersion(tx, &moved)
	return &moved
}

// dropContent removes the content of a version that goes for good. The bucket's
// level is the caller's to change.
func dropContent(c *cloud.Call, tx store.Tx, o *Object) {
	meterDropped(c, tx, o)
	if o.Body.ID != "" {
		c.Cloud.Blobs().Delete(tx, o.Body)
	}
	if o.Parts > 0 {
		parts.Delete(tx, o.Bucket, o.Key, o.Seq)
	}
}
