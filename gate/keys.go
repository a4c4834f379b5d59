package gate

import (
	"strconv"
	"strings"
	"time"

	"pileus/cloud"
	"pileus/identity"
	"pileus/policy"
)

// owner is the account that the checked resource belongs to.
func owner(c *cloud.Call, k *cloud.Check) string {
	if k.Resource.Account != "" {
		return k.Resource.Account
	}
	return c.Account
}

// conditionKeys are the global condition keys of a request, as
// reference_policies_condition-keys lists them, with those that the check
// brings. The evaluator makes aws:CurrentTime and aws:EpochTime from the
// request's time when a policy asks for them.
func conditionKeys(c *cloud.Call, who *identity.Resolved, k *cloud.Check) policy.Keys {
	keys := make(policy.Keys, 20+len(k.Keys)+len(k.Resource.Tags))
	for name, v := range k.Keys {
		keys[strings.ToLower(name)] = v
	}
	add := func(name, v string) {
		if v != "" {
			keys[name] = []string{v}
		}
	}
	add("aws:requestedregion", c.Region)
	add("aws:resourceaccount", owner(c, k))
	for name, v := range k.Resource.Tags {
		keys["aws:resourcetag/"+strings.ToLower(name)] = []string{v} // a tag's value may be empty
	}
	networkKeys(add, c.HTTP)
	principalKeys(keys, add, c, who)
	return keys
}

func networkKeys(add func(name, v string), h *cloud.HTTP) {
	if h == nil {
		return
	}
	if o := h.Origin; o == nil || o.Endpoint == "" {
		add("aws:sourceip", h.SourceIP)
	} else { // a private address is told by another key
		add("aws:sourcevpc", o.VPC)
		add("aws:sourcevpce", o.Endpoint)
		if o.Source.IsValid() {
			add("aws:vpcsourceip", o.Source.String())
		}
	}
	add("aws:securetransport", strconv.FormatBool(h.Secure))
	if h.Request != nil {
		add("aws:useragent", h.Request.Header.Get("User-Agent"))
		add("aws:referer", h.Request.Header.Get("Referer"))
	}
}

func principalKeys(keys policy.Keys, add func(name, v string), c *cloud.Call, who *identity.Resolved) {
	p := c.Principal
	add("aws:principaltype", p.Kind.String())
	switch p.Kind {
	case cloud.Anonymous:
		for name, v := range p.FederatedKeys {
			keys[strings.ToLower(name)] = v
		}
		return
	case cloud.ServicePrincipal:
		add("aws:principalisawsservice", "true")
		add("aws:viaawsservice", "false")
		add("aws:principalservicename", p.Name)
		keys["aws:principalservicenameslist"] = []string{p.Name}
		if p.SourceARN != "" {
			add("aws:sourcearn", p.SourceARN)
			add("aws:sourceaccount", c.Account)
		}
		return
	}
	add("aws:principalisawsservice", "false")
	add("aws:viaawsservice", strconv.FormatBool(c.Caller != nil))
	add("aws:principalarn", principalARN(p))
	add("aws:principalaccount", p.Account)
	add("aws:userid", p.ID)
	if p.Kind == cloud.User {
		add("aws:username", p.Name)
	}
	for name, v := range p.Tags {
		keys["aws:principaltag/"+strings.ToLower(name)] = []string{v}
	}
	add("aws:principalorgid", who.OrgID)
	add("aws:principalorgpaths", who.OrgPath)
	sessionKeys(keys, add, c, p)
}

// sessionKeys are there for temporary credentials only, which is what makes
// BoolIfExists useful in policies that ask for MFA.
func sessionKeys(keys policy.Keys, add func(name, v string), c *cloud.Call, p *cloud.Principal) {
	if !p.HasSession {
		return
	}
	add("aws:tokenissuetime", p.IssuedAt.UTC().Format(time.RFC3339))
	add("aws:sourceidentity", p.SourceIdentity)
	add("aws:federatedprovider", p.FederatedBy)
	add("aws:multifactorauthpresent", strconv.FormatBool(p.MFA))
	if p.MFA {
		age := c.Cloud.Clock().Machine().Sub(p.MFASince)
		add("aws:multifactorauthage", strconv.FormatInt(int64(age/time.Second), 10))
	}
	for name, v := range p.FederatedKeys {
		keys[strings.ToLower(name)] = v
	}
}

// principalARN is aws:PrincipalArn: the role's own ARN for its sessions.
func principalARN(p *cloud.Principal) string {
	if p.Kind == cloud.AssumedRole && p.RoleARN != "" {
		return p.RoleARN
	}
	return p.ARN
}
