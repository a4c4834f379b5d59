package resource

import (
	"iter"
	"strings"

	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// Entry is one resource of EC2: that it exists, of which type it is, and its
// tags. A resource has an entry from its creation to the moment from which its
// id is not found any more.
type Entry struct {
	Account, Region string
	ID              string
	Type            string // as in ARNs and tag specifications: "vpc", "network-interface"
	Tags            identity.Tags
}

var registry = &store.Table[Entry]{
	Name: "ec2.resource",
	Key:  func(e *Entry) store.Key { return store.K(e.Account, e.Region, e.ID) },
	Memo: 20_000,
}

// Register enters a new resource with its first tags.
func Register(c *cloud.Call, tx store.Tx, kind, id string, tags identity.Tags) {
	registry.Put(tx, &Entry{Account: c.Account, Region: c.Region, ID: id, Type: kind, Tags: tags})
}

// Unregister removes a resource and its tags.
func Unregister(c *cloud.Call, tx store.Tx, id string) {
	registry.Delete(tx, c.Account, c.Region, id)
}

// Find is the entry of a resource of the call's account and region.
func Find(c *cloud.Call, r store.Reader, id string) (*Entry, bool) {
	return registry.Peek(r, c.Account, c.Region, id)
}

// Tags are a resource's tags; they are shared and must not be changed.
func Tags(c *cloud.Call, r store.Reader, id string) identity.Tags {
	if e, ok := Find(c, r, id); ok {
		return e.Tags
	}
	return nil
}

// Entries yields the resources of the call's account and region whose id
// begins with prefix ("" for all).
func Entries(c *cloud.Call, r store.Reader, prefix string) iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		for e := range registry.Scan(r, c.Account, c.Region) {
			if strings.HasPrefix(e.ID, prefix) && !yield(e) {
				return
			}
		}
	}
}
