package s3

import (
	"time"

	"pileus/identity"
	"pileus/store"

	api "pileus/api/s3"
)

// Bucket is a bucket's record. It is memoized: copy before changing.
type Bucket struct {
	Name    string    `cbor:"101,keyasint"`
	Account string    `cbor:"102,keyasint"`
	Region  string    `cbor:"103,keyasint"`
	Created time.Time `cbor:"104,keyasint"`
	Config
}

// Bucket names are one space for all accounts and regions of the partition.
var buckets = &store.Table[Bucket]{
	Name: "s3.bucket",
	Key:  func(b *Bucket) store.Key { return store.K(b.Name) },
	Indexes: map[string]func(*Bucket) store.Key{
		"account": func(b *Bucket) store.Key { return store.K(b.Account, b.Name) },
	},
	Memo: 10_000,
}

// findBucket is the bucket with the name, wherever it lies, or behind the
// access point that the name stands for.
func findBucket(r store.Reader, name string) (*Bucket, error) {
	b, ok := buckets.Get(r, name)
	if !ok {
		if p, isPoint := findPoint(r, name); isPoint {
			b, ok = buckets.Get(r, p.Bucket)
		}
	}
	if !ok {
		return nil, errNoSuchBucket(name)
	}
	return b, nil
}

// ARN of the bucket; in the partition "aws" unless told otherwise.
func (b *Bucket) ARN() string {
	if b.Directory() {
		return "arn:aws:s3express:" + b.Region + ":" + b.Account + ":bucket/" + b.Name
	}
	return "arn:aws:s3:::" + b.Name
}

// KeyARN is the ARN of an object in the bucket.
func (b *Bucket) KeyARN(key string) string { return b.ARN() + "/" + key }

// owner is an account as listings show it.
func owner(account string) *api.Owner { return &api.Owner{ID: new(identity.CanonicalID(account))} }
