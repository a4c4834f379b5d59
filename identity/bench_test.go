package identity_test

import (
	"fmt"
	"testing"

	"pileus/identity"
	"pileus/node/nodetest"
	"pileus/store"
)

// BenchmarkKey is what finding a known access key's principal with its ten
// policies costs a request.
func BenchmarkKey(b *testing.B) {
	w := nodetest.New(b)
	u := user()
	u.Groups, u.Inline = nil, map[string]string{}
	for i := range 10 {
		u.Inline[fmt.Sprintf("p%d", i)] = allow("s3:*")
	}
	w.Update(func(tx store.Tx) {
		identity.EnsureAccount(tx, account, "test", born)
		identity.Users.Put(tx, u)
		identity.PutKey(tx, &identity.AccessKey{ID: "AKIAALICE", Secret: "secret", Account: account, User: "alice", Created: born})
	})
	x := identity.NewResolver(10)
	w.View(func(r store.Reader) {
		for b.Loop() {
			if _, ok := x.Key(r, "AKIAALICE"); !ok {
				b.Fatal("not found")
			}
		}
	})
}
