package fault

import (
	"strings"
	"time"

	"pileus/cloud"
)

// Point is a named place where faults can strike: an API call, and what a
// data plane offers (a zone, a link, a disk).
type Point interface {
	// Kind is which rules can mean the point.
	Kind() string
	// Aimed tells whether a rule of that kind means this point.
	Aimed(r *Rule) bool
}

// Action is what a fault does. The zero Action is that nothing happens.
type Action struct {
	Latency time.Duration // to wait first, by the machine's time
	Reset   bool          // cut the connection
	Err     error         // to answer with: a *cloud.Error
}

// call is the point that an API call passes.
type call struct {
	c         *cloud.Call
	op        *cloud.OpInfo
	resources []string
}

func (p *call) Kind() string { return KindAPI }

func (p *call) Aimed(r *Rule) bool {
	return p.service(r.Service) && match(r.Operation, p.op.Name) &&
		match(r.Region, p.c.Region) && match(r.Account, p.c.Account) && p.principal(r.Principal) && p.resource(r.Resource)
}

// principal knows who calls by its own ARN and by those of its role and user,
// and who has a service call for it.
func (p *call) principal(pattern string) bool {
	if pattern == "" {
		return true
	}
	for _, who := range []*cloud.Principal{p.c.Principal, p.c.Caller} {
		if who == nil {
			continue
		}
		for _, arn := range []string{who.ARN, who.RoleARN, who.UserARN} {
			if arn != "" && match(pattern, arn) {
				return true
			}
		}
	}
	return false
}

// service knows a service by all the names that it has in use.
func (p *call) service(pattern string) bool {
	s := p.op.Service
	pattern = strings.ToLower(pattern)
	return match(pattern, s.Name) || match(pattern, s.EndpointName) || match(pattern, s.SigningName) ||
		match(pattern, strings.ToLower(strings.ReplaceAll(s.ID, " ", "-")))
}

func (p *call) resource(pattern string) bool {
	if pattern == "" {
		return true
	}
	for _, arn := range p.resources {
		if match(pattern, arn) {
			return true
		}
	}
	return false
}
