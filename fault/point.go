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
		match(r.Region, p.c.Region) && match(r.Account, p.c.Account) && p.resource(r.Resource)
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
