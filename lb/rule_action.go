package lb

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"pileus/lb/oidc"
)

// plan is what happens to a request, prepared from a rule's actions.
type plan struct {
	kind     string // forward, redirect, fixed-response
	groups   []share
	total    int
	sticky   time.Duration
	redirect *Redirect
	fixed    *Fixed
	login    *login      // what a user has to pass before; nil for none
	check    *oidc.Check // and a token
}

// share is a group and its weight.
type share struct {
	pool   *pool
	weight int
}

// newPlan prepares actions: the last one, and what requests have to pass before.
func newPlan(s *site, actions []Action) plan {
	if len(actions) == 0 {
		return plan{kind: "none"}
	}
	a := &actions[len(actions)-1]
	p := plan{kind: a.Type, sticky: a.Sticky, redirect: a.Redirect, fixed: a.Fixed}
	for _, before := range actions[:len(actions)-1] {
		switch {
		case before.OIDC != nil:
			p.login = s.remembered.login(before.OIDC)
		case before.JWT != nil:
			p.check = s.remembered.check(before.JWT)
		}
	}
	for _, w := range a.Forward {
		weight := w.Weight
		if len(a.Forward) == 1 {
			weight = max(1, weight)
		}
		if pool := s.pool(w.Group); pool != nil {
			p.groups = append(p.groups, share{pool, weight})
			p.total += weight
		}
	}
	return p
}

// choose is a group by weight; nil where none has any.
func (p *plan) choose(random func(n int) int) *pool {
	if len(p.groups) == 1 {
		return p.groups[0].pool
	}
	if p.total == 0 {
		return nil
	}
	n := random(p.total)
	for _, g := range p.groups {
		if n -= g.weight; n < 0 {
			return g.pool
		}
	}
	return nil
}

// has is the plan's pool of a group; nil for none.
func (p *plan) has(group string) *pool {
	for _, g := range p.groups {
		if g.pool.id == group {
			return g.pool
		}
	}
	return nil
}

// location is where a redirect leads. scheme and port are those of the
// listener, which stand for what the redirect leaves as it is.
func (d *Redirect) location(r *request, scheme string, port uint16) string {
	was := strings.NewReplacer(
		"#{protocol}", scheme, "#{host}", r.hostname(), "#{port}", strconv.Itoa(int(port)),
		"#{path}", strings.TrimPrefix(r.path, "/"), "#{query}", r.query)
	part := func(s, otherwise string) string {
		if s == "" {
			s = otherwise
		}
		return was.Replace(s)
	}
	protocol := strings.ToLower(part(d.Protocol, "#{protocol}"))
	to := protocol + "://" + part(d.Host, "#{host}") + ":" + part(d.Port, "#{port}")
	if path := part(d.Path, "/#{path}"); strings.HasPrefix(path, "/") {
		to += path
	} else {
		to += "/" + path
	}
	if query := d.queryOf(was, r); query != "" {
		to += "?" + query
	}
	return to
}

// queryOf is the query of the place that a redirect leads to. The service
// gives "#{query}" where the user said nothing; "" is none.
func (d *Redirect) queryOf(was *strings.Replacer, _ *request) string { return was.Replace(d.Query) }

// status is a redirect's code.
func (d *Redirect) status() int {
	if d.Status == http.StatusMovedPermanently {
		return d.Status
	}
	return http.StatusFound
}
