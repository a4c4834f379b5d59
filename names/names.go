// Package names holds the DNS names that services give their resources: load
// balancers, database endpoints. A service writes them in the transaction that
// changes what they lead to; the resolver of each VPC and the cloud's own DNS
// server answer from them.
package names

import (
	"net/netip"
	"slices"
	"strings"

	"pileus/store"
)

// Record is a name and where it leads.
type Record struct {
	Name  string // lower case, without the last dot
	Owner string // ARN of the resource that has the name
	// Addresses are answered in full, IPv4 to A and IPv6 to AAAA questions; a
	// name without any exists and leads nowhere.
	Addresses []netip.Addr
	Text      []string // of TXT records
	TTL       uint32   // seconds
}

// Records by name.
var Records = &store.Table[Record]{
	Name: "names.record",
	Key:  func(r *Record) store.Key { return store.K(r.Name) },
	Indexes: map[string]func(*Record) store.Key{
		"owner": func(r *Record) store.Key { return store.K(r.Owner) },
	},
	Memo: 4096,
}

// Put gives a name its addresses. Nothing is written where that changes nothing.
func Put(tx store.Tx, r Record) {
	r.Name = Normal(r.Name)
	if old, ok := Records.Get(tx, r.Name); ok && old.Owner == r.Owner && old.TTL == r.TTL && slices.Equal(old.Addresses, r.Addresses) && slices.Equal(old.Text, r.Text) {
		return
	}
	Records.Put(tx, &r)
}

// Delete takes a name away.
func Delete(tx store.Tx, name string) { Records.Delete(tx, Normal(name)) }

// Find is the record of a name, however it is written.
func Find(r store.Reader, name string) (*Record, bool) { return Records.Get(r, Normal(name)) }

// Normal is a name as Records has it.
func Normal(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }
