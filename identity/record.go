package identity

import (
	"pileus/rng"
	"pileus/store"
)

// records is a table whose keys begin with the account and whose writes
// rewrite that account's version row.
type records[T any] struct{ store.Table[T] }

// Put writes the record and its index entries.
func (t *records[T]) Put(tx store.Tx, v *T) {
	t.Table.Put(tx, v)
	Touch(tx, t.account(v))
}

// Insert writes a record known to be new.
func (t *records[T]) Insert(tx store.Tx, v *T) {
	t.Table.Insert(tx, v)
	Touch(tx, t.account(v))
}

// Delete removes the record with the key.
func (t *records[T]) Delete(tx store.Tx, account string, rest ...any) {
	t.Table.Delete(tx, append([]any{account}, rest...)...)
	Touch(tx, account)
}

// Quiet writes a record without touching the account's version: for what
// authorisation does not depend on.
func (t *records[T]) Quiet(tx store.Tx, v *T) { t.Table.Put(tx, v) }

func (t *records[T]) account(v *T) string { return t.Key(v)[0].(string) }

var versionTable = []byte("identity.version/")

func versionKey(scope string) []byte {
	return store.K(scope).Append(append(make([]byte, 0, 40), versionTable...))
}

// OrganizationScope is the version scope of the organization's tree.
const OrganizationScope = "organization"

// Touch rewrites the version row of an account (or of OrganizationScope). The
// write is blind, so that changes to one account do not conflict over it.
func Touch(tx store.Tx, scope string) { tx.Put(versionKey(scope), rng.Bytes(12)) }

func version(r store.Reader, scope string) []byte {
	b, _ := r.Get(versionKey(scope))
	return b
}
