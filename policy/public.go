package policy

import (
	"net/netip"
	"strings"
)

// IsPublic tells whether S3 takes a bucket's policy to be public: some
// statement allows everyone, and no condition holds it to fixed values of a
// key that says who or from where
// (access-control-block-public-access, "The meaning of public").
func (d *Document) IsPublic() bool {
	for i := range d.Statements {
		if d.Statements[i].IsPublic() {
			return true
		}
	}
	return false
}

// IsPublic is Document.IsPublic of one statement.
func (s *Statement) IsPublic() bool {
	if s.Deny || !s.openToAll() {
		return false
	}
	for i := range s.conditions {
		if s.conditions[i].narrows() {
			return false
		}
	}
	return true
}

// openToAll tells whether the Principal element is no fixed principal. A web
// identity provider's users are the public.
func (s *Statement) openToAll() bool {
	if s.principal.not {
		return true
	}
	for _, e := range s.principal.entries {
		if e.typ == "*" || e.value == "*" || e.typ == "Federated" && !strings.HasPrefix(e.value, "arn:") {
			return true
		}
	}
	return false
}

// narrowingKeys are the keys whose fixed values make a statement non-public.
var narrowingKeys = map[string]bool{
	"aws:principalarn": true, "aws:principalaccount": true, "aws:principalorgid": true, "aws:principalorgpaths": true,
	"aws:principalservicename": true, "aws:sourceip": true, "aws:sourcearn": true, "aws:sourcevpc": true, "aws:sourcevpce": true,
	"aws:sourceowner": true, "aws:sourceaccount": true, "aws:userid": true,
	"s3:x-amz-server-side-encryption-aws-kms-key-id": true, "s3:dataaccesspointarn": true, "s3:dataaccesspointaccount": true,
}

// narrows tells whether the condition holds a statement to fixed values. One
// that a request without the key passes does not.
func (c *condition) narrows() bool {
	if !narrowingKeys[c.key] || c.negated || c.ifExists || c.quant == forAllValues || len(c.wanted) == 0 {
		return false
	}
	switch c.compare {
	case compareIP:
		if c.key != "aws:sourceip" {
			return false
		}
		for i := range c.values {
			if v := &c.values[i]; v.valid && broad(v.network) {
				return false
			}
		}
		return true
	case compareString, compareARN:
		for _, w := range c.wanted {
			if !fixedValue(c.key, w) {
				return false
			}
		}
		return true
	}
	return false
}

// fixedValue tells whether a value has no wildcard and no variable, or only
// where S3 permits one: the name of an access point of a fixed account, and
// the session after a role's id.
func fixedValue(key, value string) bool {
	if strings.Contains(value, "${") {
		return false
	}
	if !strings.ContainsAny(value, "*?") {
		return true
	}
	switch key {
	case "aws:userid":
		id, session, found := strings.Cut(value, ":")
		return found && session == "*" && isUniqueID(id)
	case "s3:dataaccesspointarn":
		f := strings.SplitN(value, ":", 6)
		return len(f) == 6 && isAccountID(f[4])
	}
	return false
}

var privateNetworks = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
}

// broad networks are wider than /8, or /32 for IPv6, and not private.
func broad(p netip.Prefix) bool {
	if p.Addr().Is6() {
		return p.Bits() < 32
	}
	for _, private := range privateNetworks {
		if p.Bits() >= private.Bits() && private.Contains(p.Addr()) {
			return false
		}
	}
	return p.Bits() < 8
}
