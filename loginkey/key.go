// Package loginkey holds SSH keys that were pushed to instances for a minute.
// EC2 Instance Connect writes them; the metadata of the instance tells them,
// and its SSH server asks there.
package loginkey

import (
	"strings"
	"time"

	"pileus/store"
)

// Life is how long a key lets somebody in.
const Life = time.Minute

// Key is a key that a user of an instance may log in with.
type Key struct {
	Account, Region, Instance string
	User                      string
	Request                   string // the id of the request that pushed it
	Caller                    string // the ARN of who did
	Line                      string // of authorized_keys
	Pushed                    time.Time
}

// Keys by instance, user and request.
var Keys = &store.Table[Key]{
	Name: "loginkey.key",
	Key:  func(k *Key) store.Key { return k.At() },
}

// At is where the key is in its table.
func (k *Key) At() store.Key { return store.K(k.Account, k.Region, k.Instance, k.User, k.Request) }

// Until is when it lets nobody in any more.
func (k *Key) Until() time.Time { return k.Pushed.Add(Life) }

// Of are the keys of an instance that are good at a time, by user: what the
// metadata has below managed-ssh-keys/active-keys, one that was pushed after the
// other, each with a few lines that say where it comes from.
func Of(r store.Reader, account, region, instance string, now time.Time) map[string]string {
	texts := map[string]*strings.Builder{}
	for k := range Keys.Scan(r, account, region, instance) {
		if !now.Before(k.Until()) {
			continue
		}
		b := texts[k.User]
		if b == nil {
			b = &strings.Builder{}
			texts[k.User] = b
		}
		for _, line := range []string{"#Timestamp=" + k.Until().UTC().Format(time.RFC3339), "#Instance=" + k.Instance, "#Caller=" + k.Caller, "#Request=" + k.Request, k.Line} {
			b.WriteString(line + "\n")
		}
	}
	out := map[string]string{}
	for user, b := range texts {
		out[user] = b.String()
	}
	return out
}
