package s3

import (
	"time"

	"pileus/blob"
	"pileus/store"
)

// Object is one version of an object, or a delete marker: everything that a
// listing, HEAD and GET need but the content.
//
// The latest version of each key is a row of objects, keyed (bucket, key), so
// that listing a bucket and reading an object are one scan and one Get. Older
// versions are rows of versions, keyed (bucket, key, -Seq): newest first. While
// a key has any version, it has a row in objects; which of the two tables a
// version is in follows from Noncurrent.
type Object struct {
	Bucket, Key string
	// Version is the version id; "" is the null version, which is what
	// buckets that were never versioned have, and what a suspended one writes.
	Version string
	// Seq orders the versions of a key. It grows with time and is what
	// events call the sequencer.
	Seq      int64
	Modified time.Time
	// Noncurrent is since when a newer version hides this one; zero for the
	// latest.
	Noncurrent time.Time
	Marker     bool // a delete marker

	// Of the latest version only: whether there are older versions, and the
	// Seq of the null version among them, 0 without one.
	Older   bool
	NullSeq int64

	Owner string // the account that owns the object
	Size  int64
	ETag  string // without quotes
	Class string // storage class; "" is STANDARD
	Body  blob.Ref
	Sum   Checksum
	Parts int    // number of parts of a multipart upload; their sizes are in the table parts
	From  string // the id of the multipart upload that made the object

	ContentType, CacheControl, ContentDisposition string
	ContentEncoding, ContentLanguage, Expires     string
	Redirect                                      string            // x-amz-website-redirect-location
	Meta                                          map[string]string // user metadata; names in lower case
	Tags                                          map[string]string
	ACL                                           *ACL // nil: private to the owner

	CustomerKeyMD5 string // SSE-C: digest of the key, in base64; "" is SSE-S3

	LockMode  string // "GOVERNANCE", "COMPLIANCE" or ""
	LockUntil time.Time
	LegalHold bool

	// Restored is until when a copy of an archived object can be read;
	// Restoring, that a restore is under way and when it will be done;
	// RestoreDays, how long the copy is then kept.
	Restored, Restoring time.Time
	RestoreDays         int32
	// Accessed is when an object in Intelligent-Tiering was last read, to the
	// day; zero for never since it was made.
	Accessed time.Time

	Replication string // "PENDING", "COMPLETED", "FAILED", "REPLICA" or ""
}

// Checksum is the additional checksum of an object or a part.
type Checksum struct {
	Algorithm string // "CRC64NVME", "CRC32", ...; "" for none
	Value     string // base64; of a composite with its "-N"
	Composite bool   // made of the parts' checksums instead of the content
}

var objects = &store.Table[Object]{
	Name: "s3.object",
	Key:  func(o *Object) store.Key { return store.K(o.Bucket, o.Key) },
}

var versions = &store.Table[Object]{
	Name: "s3.version",
	Key:  func(o *Object) store.Key { return store.K(o.Bucket, o.Key, -o.Seq) },
}

// PartList is what a multipart object remembers of its parts.
type PartList struct {
	Bucket string     `cbor:"1,keyasint"`
	Key    string     `cbor:"2,keyasint"`
	Seq    int64      `cbor:"3,keyasint"`
	Parts  []PartInfo `cbor:"4,keyasint"`
}

// PartInfo is one part of a completed multipart object.
type PartInfo struct {
	Number int32  `cbor:"1,keyasint"`
	Size   int64  `cbor:"2,keyasint"`
	Sum    string `cbor:"3,keyasint,omitempty"` // in the object's algorithm, base64
}

// parts is apart from objects because an upload has up to 10,000 of them,
// which listings need not read.
var parts = &store.Table[PartList]{
	Name: "s3.parts",
	Key:  func(p *PartList) store.Key { return store.K(p.Bucket, p.Key, p.Seq) },
}

// isNull tells whether this is the null version.
func (o *Object) isNull() bool { return o.Version == "" }

// current tells whether this is the latest version.
func (o *Object) current() bool { return o.Noncurrent.IsZero() }

// VersionID is the version id as answers show it.
func (o *Object) VersionID() string {
	if o.isNull() {
		return "null"
	}
	return o.Version
}

// StorageClass is the storage class by its name.
func (o *Object) StorageClass() string {
	if o.Class == "" {
		return "STANDARD"
	}
	return o.Class
}
