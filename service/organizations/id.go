package organizations

import (
	"strings"

	"pileus/cloud"
	"pileus/identity"
	"pileus/rng"
	"pileus/store"
)

const (
	idChars = "abcdefghijklmnopqrstuvwxyz0123456789"
	digits  = "0123456789"
)

func newID(src rng.Source, prefix string, n int) string { return prefix + src.String(n, idChars) }

// newAccountID is an account id that nobody has.
func newAccountID(r store.Reader, src rng.Source) string {
	for {
		id := src.String(1, digits[1:]) + src.String(11, digits)
		if !identity.Accounts.Has(r, id) {
			return id
		}
	}
}

// arnIn names something of an organization: resources belong to the
// management account.
func arnIn(c *cloud.Call, management, resource string) string {
	return cloud.ARN{Partition: c.Partition, Service: "organizations", Account: management, Resource: resource}.String()
}

func accountARN(c *cloud.Call, org *identity.Organization, id string) string {
	return arnIn(c, org.Management, "account/"+org.ID+"/"+id)
}

func rootARN(c *cloud.Call, org *identity.Organization) string {
	return arnIn(c, org.Management, "root/"+org.ID+"/"+org.RootID)
}

// policyARN is where a policy's type shows in lower case.
func policyARN(c *cloud.Call, org *identity.Organization, kind, id string) string {
	return arnIn(c, org.Management, "policy/"+org.ID+"/"+strings.ToLower(kind)+"/"+id)
}

// arnOf is the ARN of anything that has an id in the organization, existing or
// not: the id says what kind of thing it is.
func arnOf(c *cloud.Call, r store.Reader, org *identity.Organization, id string) string {
	switch {
	case strings.HasPrefix(id, "h-"): // those that it asks are in no organization yet
		if h, ok := handshakes.Get(r, id); ok {
			return h.ARN
		}
	case org == nil:
	case identity.IsAccountID(id):
		return accountARN(c, org, id)
	case strings.HasPrefix(id, "r-"):
		return arnIn(c, org.Management, "root/"+org.ID+"/"+id)
	case strings.HasPrefix(id, "ou-"):
		return arnIn(c, org.Management, "ou/"+org.ID+"/"+id)
	case strings.HasPrefix(id, "rp-"):
		return arnIn(c, org.Management, "resourcepolicy/"+org.ID+"/"+id)
	case strings.HasPrefix(id, "rt-"):
		if t, ok := transfers.Get(r, id); ok {
			return t.arn(c, org)
		}
	case strings.HasPrefix(id, "p-"):
		if p, ok := identity.OrgPolicies.Get(r, org.ID, id); ok {
			return p.ARN
		}
	}
	return "*"
}
