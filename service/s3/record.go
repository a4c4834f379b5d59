package s3

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// Objects are read by the thousand in listings, so they have a form of their
// own: fields that have a value, each as its number, its length and its bytes;
// numbers and times as varints. Decoding shares one copy of the bytes among
// all strings. Numbers of fields are never used again for something else.
const (
	fBucket = iota + 1
	fKey
	fVersion
	fSeq
	fModified
	fNoncurrent
	fFlags
	fNullSeq
	fOwner
	fSize
	fETag
	fClass
	fBodyID
	fBodySize
	fBodyKey
	fSumAlgorithm
	fSumValue
	fParts
	fFrom
	fContentType
	fCacheControl
	fContentDisposition
	fContentEncoding
	fContentLanguage
	fExpires
	fRedirect
	fMeta // name, value, name, value...
	fTags
	fACL // CBOR
	fCustomerKeyMD5
	fLockMode
	fLockUntil
	fRestored
	fRestoring
	fRestoreDays
	fReplication
	fAccessed
)

const (
	flagMarker = 1 << iota
	flagOlder
	flagInline
	flagComposite
	flagLegalHold
)

// AppendRecord implements store.Record.
func (o *Object) AppendRecord(b []byte) []byte {
	w := writer{b}
	w.str(fBucket, o.Bucket)
	w.str(fKey, o.Key)
	w.str(fVersion, o.Version)
	w.num(fSeq, o.Seq)
	w.time(fModified, o.Modified)
	w.time(fNoncurrent, o.Noncurrent)
	w.num(fFlags, o.flags())
	w.num(fNullSeq, o.NullSeq)
	w.str(fOwner, o.Owner)
	w.num(fSize, o.Size)
	w.str(fETag, o.ETag)
	w.str(fClass, o.Class)
	w.str(fBodyID, o.Body.ID)
	w.num(fBodySize, o.Body.Size)
	w.str(fBodyKey, string(o.Body.Key))
	w.str(fSumAlgorithm, o.Sum.Algorithm)
	w.str(fSumValue, o.Sum.Value)
	w.num(fParts, int64(o.Parts))
	w.str(fFrom, o.From)
	w.str(fContentType, o.ContentType)
	w.str(fCacheControl, o.CacheControl)
	w.str(fContentDisposition, o.ContentDisposition)
	w.str(fContentEncoding, o.ContentEncoding)
	w.str(fContentLanguage, o.ContentLanguage)
	w.str(fExpires, o.Expires)
	w.str(fRedirect, o.Redirect)
	w.pairs(fMeta, o.Meta)
	w.pairs(fTags, o.Tags)
	w.acl(o.ACL)
	w.str(fCustomerKeyMD5, o.CustomerKeyMD5)
	w.str(fLockMode, o.LockMode)
	w.time(fLockUntil, o.LockUntil)
	w.time(fRestored, o.Restored)
	w.time(fRestoring, o.Restoring)
	w.num(fRestoreDays, int64(o.RestoreDays))
	w.str(fReplication, o.Replication)
	w.time(fAccessed, o.Accessed)
	return w.b
}

func (o *Object) flags() (f int64) {
	for _, x := range [...]struct {
		on  bool
		bit int64
	}{{o.Marker, flagMarker}, {o.Older, flagOlder}, {o.Body.Inline, flagInline}, {o.Sum.Composite, flagComposite}, {o.LegalHold, flagLegalHold}} {
		if x.on {
			f |= x.bit
		}
	}
	return f
}

// ParseRecord implements store.Record.
func (o *Object) ParseRecord(raw []byte) error {
	r := reader{s: string(raw)}
	for r.next() {
		if !o.parseField(&r) {
			return fmt.Errorf("s3: object record has unknown field %d", r.field)
		}
	}
	return r.err
}

// parseField reads the field that r stands at, the common ones first.
func (o *Object) parseField(r *reader) bool {
	switch r.field {
	case fBucket:
		o.Bucket = r.str()
	case fKey:
		o.Key = r.str()
	case fVersion:
		o.Version = r.str()
	case fSeq:
		o.Seq = r.num()
	case fModified:
		o.Modified = r.time()
	case fNoncurrent:
		o.Noncurrent = r.time()
	case fFlags:
		f := r.num()
		o.Marker, o.Older, o.Body.Inline = f&flagMarker != 0, f&flagOlder != 0, f&flagInline != 0
		o.Sum.Composite, o.LegalHold = f&flagComposite != 0, f&flagLegalHold != 0
	case fNullSeq:
		o.NullSeq = r.num()
	case fOwner:
		o.Owner = r.str()
	case fSize:
		o.Size = r.num()
	case fETag:
		o.ETag = r.str()
	case fClass:
		o.Class = r.str()
	case fBodyID:
		o.Body.ID = r.str()
	case fBodySize:
		o.Body.Size = r.num()
	case fBodyKey:
		o.Body.Key = []byte(r.str())
	case fSumAlgorithm:
		o.Sum.Algorithm = r.str()
	case fSumValue:
		o.Sum.Value = r.str()
	default:
		return o.parseRare(r)
	}
	return true
}

func (o *Object) parseRare(r *reader) bool {
	switch r.field {
	case fParts:
		o.Parts = int(r.num())
	case fFrom:
		o.From = r.str()
	case fContentType:
		o.ContentType = r.str()
	case fCacheControl:
		o.CacheControl = r.str()
	case fContentDisposition:
		o.ContentDisposition = r.str()
	case fContentEncoding:
		o.ContentEncoding = r.str()
	case fContentLanguage:
		o.ContentLanguage = r.str()
	case fExpires:
		o.Expires = r.str()
	case fRedirect:
		o.Redirect = r.str()
	case fMeta:
		o.Meta = r.pairs()
	case fTags:
		o.Tags = r.pairs()
	case fACL:
		o.ACL = new(ACL)
		if err := cbor.Unmarshal([]byte(r.str()), o.ACL); err != nil {
			r.err = err
		}
	case fCustomerKeyMD5:
		o.CustomerKeyMD5 = r.str()
	case fLockMode:
		o.LockMode = r.str()
	case fLockUntil:
		o.LockUntil = r.time()
	case fRestored:
		o.Restored = r.time()
	case fRestoring:
		o.Restoring = r.time()
	case fRestoreDays:
		o.RestoreDays = int32(r.num())
	case fReplication:
		o.Replication = r.str()
	case fAccessed:
		o.Accessed = r.time()
	default:
		return false
	}
	return true
}

type writer struct{ b []byte }

func (w *writer) str(field byte, s string) {
	if s != "" {
		w.b = binary.AppendUvarint(append(w.b, field), uint64(len(s)))
		w.b = append(w.b, s...)
	}
}

// num writes the number's varint as the field's bytes.
func (w *writer) num(field byte, n int64) {
	if n != 0 {
		w.b = append(w.b, field, 0)
		at := len(w.b)
		w.b = binary.AppendVarint(w.b, n)
		w.b[at-1] = byte(len(w.b) - at) // at most 10
	}
}

func (w *writer) time(field byte, t time.Time) {
	if !t.IsZero() {
		w.num(field, t.UnixNano())
	}
}

// pairs writes a map in order of its names, so that equal records have equal
// bytes.
func (w *writer) pairs(field byte, m map[string]string) {
	if len(m) == 0 {
		return
	}
	names := make([]string, 0, len(m))
	for k := range m {
		names = append(names, k)
	}
	slices.Sort(names)
	var b []byte
	for _, k := range names {
		for _, s := range [2]string{k, m[k]} {
			b = binary.AppendUvarint(b, uint64(len(s)))
			b = append(b, s...)
		}
	}
	w.str(field, string(b))
}

func (w *writer) acl(a *ACL) {
	if a == nil {
		return
	}
	b, err := cbor.Marshal(a)
	if err != nil {
		panic(fmt.Errorf("s3: encode ACL: %w", err))
	}
	w.str(fACL, string(b))
}

var errRecord = errors.New("s3: object record is cut short")

type reader struct {
	s     string
	field byte
	value string
	err   error
}

// next moves to the next field; false at the end or on an error.
func (r *reader) next() bool {
	if r.err != nil || len(r.s) == 0 {
		return false
	}
	r.field = r.s[0]
	n, used := uvarint(r.s[1:])
	if used <= 0 || n > uint64(len(r.s)-1-used) {
		r.err = errRecord
		return false
	}
	at := 1 + used
	r.value, r.s = r.s[at:at+int(n)], r.s[at+int(n):]
	return true
}

func (r *reader) str() string { return r.value }

func (r *reader) num() int64 {
	u, used := uvarint(r.value)
	if used <= 0 {
		r.err = errRecord
		return 0
	}
	n := int64(u >> 1)
	if u&1 != 0 {
		n = ^n
	}
	return n
}

func (r *reader) time() time.Time { return time.Unix(0, r.num()).UTC() }

func (r *reader) pairs() map[string]string {
	m := make(map[string]string)
	rest := r.value
	one := func() string {
		n, used := uvarint(rest)
		if used <= 0 || n > uint64(len(rest)-used) {
			r.err, rest = errRecord, ""
			return ""
		}
		s := rest[used : used+int(n)]
		rest = rest[used+int(n):]
		return s
	}
	for len(rest) > 0 {
		k := one()
		m[k] = one()
	}
	return m
}

// uvarint is binary.Uvarint of a string.
func uvarint(s string) (n uint64, used int) {
	var shift uint
	for i := 0; i < len(s) && i < binary.MaxVarintLen64; i++ {
		c := s[i]
		if c < 0x80 {
			return n | uint64(c)<<shift, i + 1
		}
		n |= uint64(c&0x7f) << shift
		shift += 7
	}
	return 0, 0
}
