package identity

import (
	"strings"
	"time"

	"pileus/cloud"
	"pileus/store"
)

func fold(name string) string { return strings.ToLower(name) }

// AccessKey is a long-term credential of a user, or of an account's root.
type AccessKey struct {
	ID, Secret string
	Account    string
	User       string // empty: the root user
	Inactive   bool
	Created    time.Time
}

// Session is a temporary credential that STS gave out. The principal is kept
// as it was at that moment; its policies are read when it is used.
type Session struct {
	ID, Secret, Token string
	Principal         cloud.Principal
}

// AccessKeys and Sessions are looked up by the access key id alone.
var (
	AccessKeys = &store.Table[AccessKey]{
		Name: "identity.accesskey",
		Key:  func(k *AccessKey) store.Key { return store.K(k.ID) },
		Indexes: map[string]func(*AccessKey) store.Key{
			"user": func(k *AccessKey) store.Key { return store.K(k.Account, fold(k.User)) },
		},
	}
	Sessions = &store.Table[Session]{
		Name: "identity.session",
		Key:  func(s *Session) store.Key { return store.K(s.ID) },
		Indexes: map[string]func(*Session) store.Key{
			"expires": func(s *Session) store.Key { return store.K(s.Principal.Expires) },
		},
	}
)

// PutKey writes an access key.
func PutKey(tx store.Tx, k *AccessKey) {
	AccessKeys.Put(tx, k)
	Touch(tx, k.Account)
}

// DeleteKey removes an access key.
func DeleteKey(tx store.Tx, k *AccessKey) {
	AccessKeys.Delete(tx, k.ID)
	Touch(tx, k.Account)
}

// PutSession keeps a temporary credential until ExpireSessions finds that its
// time is over.
func PutSession(tx store.Tx, s *Session) { Sessions.Insert(tx, s) }

// ExpireSessions forgets up to limit sessions that had expired at now, and
// says how many. Sessions live by the machine's time, whatever the cloud's
// clock does, because clients look at theirs to renew them.
func ExpireSessions(tx store.Tx, now time.Time, limit int) int {
	var gone []string
	for s := range Sessions.Between(tx, "expires", store.K(time.Time{}), store.K(now)) {
		if gone = append(gone, s.ID); len(gone) == limit {
			break
		}
	}
	for _, id := range gone {
		Sessions.Delete(tx, id)
	}
	return len(gone)
}
