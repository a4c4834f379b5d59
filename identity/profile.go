package identity

import (
	"time"

	"pileus/store"
)

// InstanceProfile carries a role to an EC2 instance.
type InstanceProfile struct {
	Account, Name, Path, ID, ARN string
	Created                      time.Time
	Role                         string // name of its role; empty: none
	Tags                         Tags
}

// InstanceProfiles link to their role ("role", name in lower case).
var InstanceProfiles = &records[InstanceProfile]{
	Table: store.Table[InstanceProfile]{
		Name: "identity.profile",
		Key:  func(p *InstanceProfile) store.Key { return store.K(p.Account, fold(p.Name)) },
	},
	links: func(p *InstanceProfile) []store.Key {
		if p.Role == "" {
			return nil
		}
		return []store.Key{store.K("role", fold(p.Role))}
	},
	counted: true,
}

// FindInstanceProfile is the instance profile with the name.
func FindInstanceProfile(r store.Reader, account, name string) (*InstanceProfile, bool) {
	return InstanceProfiles.Get(r, account, fold(name))
}

// Fold is the form in which names are compared and linked: lower case.
func Fold(name string) string { return fold(name) }
