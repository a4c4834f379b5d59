package blocks

import (
	"pileus/blob"
	"pileus/store"
)

// packBlocks is how many blocks go into a pack. Fewer would mean more files to
// sync for each snapshot, more would keep dead blocks for longer.
const packBlocks = 32

// pack is a blob with some blocks in it.
type pack struct {
	ID     string
	Domain string
	Ref    blob.Ref
	Slots  []slot
}

// slot is one block of a pack. Its number never changes, so that manifests
// need not either when the pack is written anew.
type slot struct {
	At   int64  `cbor:"1,keyasint"` // where in the blob
	Size int    `cbor:"2,keyasint"` // of what is stored; less than Size means compressed
	Refs int64  `cbor:"3,keyasint"` // manifests that have it; 0 is dead for good
	Hash []byte `cbor:"4,keyasint"` // SHA-256; nil once nothing may refer to it any more
}

var packs = &store.Table[pack]{
	Name: "ebs.pack",
	Key:  func(p *pack) store.Key { return store.K(p.ID) },
	Indexes: map[string]func(*pack) store.Key{
		"domain": func(p *pack) store.Key { return store.K(p.Domain) },
	},
}

// known is a block of a domain by its hash.
type known struct {
	Domain string
	Hash   []byte
	Pack   string
	Slot   int
}

var hashes = &store.Table[known]{
	Name: "ebs.block",
	Key:  func(k *known) store.Key { return store.K(k.Domain, k.Hash) },
}

// live counts the blocks that something refers to, and their bytes.
func (p *pack) live() (n int, size int64) {
	for i := range p.Slots {
		if s := &p.Slots[i]; s.Refs > 0 {
			n++
			size += int64(s.Size)
		}
	}
	return n, size
}

// Stored is how many bytes of blocks a domain holds: what snapshots are billed
// by. https://docs.aws.amazon.com/ebs/latest/userguide/how_snapshots_work.html
func Stored(r store.Reader, domain string) (bytes int64) {
	for p := range packs.Index(r, "domain", domain) {
		n, _ := p.live()
		bytes += int64(n) * Size
	}
	return bytes
}

// StoredForeign is what a copy of another domain's content is billed by; 0 for
// other contents.
func StoredForeign(r store.Reader, id string) int64 {
	if c, ok := contents.Get(r, id); ok && c.Foreign {
		return c.Blocks * Size
	}
	return 0
}
