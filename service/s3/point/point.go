// Package point holds what S3 keeps of an account as a whole: its public
// access block, and its access points. The S3 API reads them with every
// request, the S3 Control API writes them.
package point

import (
	"time"

	"pileus/store"
)

// Block is an account's public access block.
type Block struct {
	Account               string `cbor:"1,keyasint"`
	BlockPublicAcls       bool   `cbor:"2,keyasint,omitempty"`
	IgnorePublicAcls      bool   `cbor:"3,keyasint,omitempty"`
	BlockPublicPolicy     bool   `cbor:"4,keyasint,omitempty"`
	RestrictPublicBuckets bool   `cbor:"5,keyasint,omitempty"`
}

// AccountBlocks by account; an account without one blocks nothing.
var AccountBlocks = &store.Table[Block]{
	Name: "s3.accountblock",
	Key:  func(b *Block) store.Key { return store.K(b.Account) },
	Memo: 1000,
}

// Point is an access point: another name, with a policy of its own, under
// which a bucket can be used.
type Point struct {
	Account string    `cbor:"1,keyasint"`
	Region  string    `cbor:"2,keyasint"`
	Name    string    `cbor:"3,keyasint"`
	Alias   string    `cbor:"4,keyasint"` // usable wherever a bucket name is
	Bucket  string    `cbor:"5,keyasint"`
	Owner   string    `cbor:"6,keyasint"` // the bucket's account
	VPC     string    `cbor:"7,keyasint,omitempty"`
	Created time.Time `cbor:"8,keyasint"`
	Policy  string    `cbor:"9,keyasint,omitempty"`
	// Block is fixed when the access point is made.
	Block Block       `cbor:"10,keyasint,omitempty"`
	Tags  [][2]string `cbor:"11,keyasint,omitempty"` // key, value
}

// Points by account, region and name.
var Points = &store.Table[Point]{
	Name: "s3.accesspoint",
	Key:  func(p *Point) store.Key { return store.K(p.Account, p.Region, p.Name) },
	Indexes: map[string]func(*Point) store.Key{
		"alias":  func(p *Point) store.Key { return store.K(p.Alias) },
		"bucket": func(p *Point) store.Key { return store.K(p.Bucket) },
	},
	Memo: 10_000,
}

// AliasSuffix ends every access point alias, and no bucket's name.
const AliasSuffix = "-s3alias"

// ARN names the access point.
func (p *Point) ARN() string {
	return "arn:aws:s3:" + p.Region + ":" + p.Account + ":accesspoint/" + p.Name
}

// Origin is "VPC" or "Internet".
func (p *Point) Origin() string {
	if p.VPC != "" {
		return "VPC"
	}
	return "Internet"
}
