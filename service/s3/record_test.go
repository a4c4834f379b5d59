package s3

import (
	"reflect"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"pileus/blob"
)

func fullObject() *Object {
	at := func(s int64) time.Time { return time.Unix(1_700_000_000+s, 123).UTC() }
	return &Object{
		Bucket: "b", Key: "k/ü/\x00", Version: "v", Seq: 1 << 60, Modified: at(1), Noncurrent: at(2), Marker: true, Older: true, NullSeq: -7,
		Owner: "123456789012", Size: 5 << 40, ETag: "d41d8cd98f00b204e9800998ecf8427e-12", Class: "GLACIER",
		Body: blob.Ref{ID: "f", Size: 5 << 40, Inline: true, Key: []byte{0, 1, 2, 255}},
		Sum:  Checksum{"CRC32", "AAAAAA==-3", true}, Parts: 12, From: "u", ContentType: "text/plain", CacheControl: "no-cache",
		ContentDisposition: "inline", ContentEncoding: "gzip", ContentLanguage: "de", Expires: "0", Redirect: "/x",
		Meta: map[string]string{"a": "", "b": "ü"}, Tags: map[string]string{"": "x", "k": "v"}, ACL: &ACL{Grants: []Grant{{"AllUsers", "READ"}}},
		CustomerKeyMD5: "md5", LockMode: "GOVERNANCE", LockUntil: at(3), LegalHold: true, Restored: at(4), Restoring: at(5), RestoreDays: 9, Replication: "PENDING", Accessed: at(6),
	}
}

// Every field must be set in fullObject, or the round trip proves nothing of it.
func TestObjectRecordKeepsEveryField(t *testing.T) {
	want := fullObject()
	for i, v := 0, reflect.ValueOf(*want); i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Errorf("fullObject leaves %s empty", v.Type().Field(i).Name)
		}
	}
	for _, o := range []*Object{want, {}, plainObject()} {
		got := new(Object)
		if err := got.ParseRecord(o.AppendRecord(nil)); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, o) {
			t.Errorf("round trip\n got %+v\nwant %+v", got, o)
		}
	}
}

func TestObjectRecordRefusesDamage(t *testing.T) {
	raw := fullObject().AppendRecord(nil)
	for n := range raw {
		if err := new(Object).ParseRecord(raw[:n]); err == nil && n != 0 {
			// A cut between fields is a shorter record, which is well-formed.
			if again := new(Object); again.ParseRecord(raw[:n]) == nil && len(again.AppendRecord(nil)) != n {
				t.Errorf("a record cut to %d bytes parses to another", n)
			}
		}
	}
	if err := new(Object).ParseRecord([]byte{200, 1, 0}); err == nil {
		t.Error("an unknown field parses")
	}
}

func FuzzObjectRecord(f *testing.F) {
	f.Add(fullObject().AppendRecord(nil))
	f.Add(plainObject().AppendRecord(nil))
	f.Fuzz(func(t *testing.T, raw []byte) {
		o := new(Object)
		if o.ParseRecord(raw) != nil {
			return
		}
		again := new(Object)
		if err := again.ParseRecord(o.AppendRecord(nil)); err != nil {
			t.Fatalf("what was parsed does not parse again: %v", err)
		}
	})
}

// plainObject is what most objects are.
func plainObject() *Object {
	return &Object{
		Bucket: "my-bucket", Key: "photos/2026/01/01/0001.jpg", Seq: 1767225600000000000, Modified: time.Unix(1767225600, 0).UTC(),
		Owner: "000000000000", Size: 4096, ETag: "d41d8cd98f00b204e9800998ecf8427e",
		Body: blob.Ref{ID: "0123456789abcdef", Size: 4096, Inline: true, Key: make([]byte, 60)},
		Sum:  Checksum{Algorithm: "CRC64NVME", Value: "AAAAAAAAAAA="}, ContentType: "image/jpeg",
	}
}

// plainCBOR has the same fields without the methods, to compare with.
type plainCBOR Object

func BenchmarkObjectRecord(b *testing.B) {
	o := plainObject()
	raw := o.AppendRecord(nil)
	asCBOR, err := cbor.Marshal((*plainCBOR)(o))
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d bytes; as CBOR with names %d", len(raw), len(asCBOR))
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			raw = o.AppendRecord(raw[:0])
		}
	})
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := new(Object).ParseRecord(raw); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parse-cbor", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := cbor.Unmarshal(asCBOR, new(plainCBOR)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
