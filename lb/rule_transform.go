package lb

import (
	"fmt"
	"regexp"
	"strings"
)

// rewrite is a transform of a rule that was prepared.
type rewrite struct {
	url     bool // of path and query; else of the host
	pattern *regexp.Regexp
	replace string
}

// newMatcher prepares a rule.
func newMatcher(s *site, r *Rule) (m matcher, err error) {
	m = matcher{id: r.ID, priority: r.Priority, plan: newPlan(s, r.Actions)}
	for i := range r.Conditions {
		c, err := newCondition(&r.Conditions[i])
		if err != nil {
			return m, fmt.Errorf("rule %d: %w", r.Priority, err)
		}
		m.conditions = append(m.conditions, c)
	}
	for _, t := range r.Transforms {
		re, err := regexp.Compile(t.Regex)
		if err != nil {
			return m, fmt.Errorf("rule %d: %w", r.Priority, err)
		}
		m.rewrites = append(m.rewrites, rewrite{t.Type == "url-rewrite", re, references.ReplaceAllString(t.Replace, "$${$1}")})
	}
	return m, nil
}

// references are those of a replacement, "$1", which Go would take for a part
// of a name where letters follow.
var references = regexp.MustCompile(`\$(\d+)`)

// transform gives the target another host, path or query than the client has
// asked for; false where the result is none that can be sent.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-transforms.html
func (x *exchange) transform() bool {
	if x.rule == nil {
		return true
	}
	for i := range x.rule.rewrites {
		w := &x.rule.rewrites[i]
		if !w.url {
			if host := x.host(); w.pattern.MatchString(host) {
				x.newHost = w.pattern.ReplaceAllString(host, w.replace)
			}
			continue
		}
		target := x.target()
		if !w.pattern.MatchString(target) {
			continue
		}
		if x.newTarget = w.pattern.ReplaceAllString(target, w.replace); !strings.HasPrefix(x.newTarget, "/") {
			x.newTarget = "/" + x.newTarget
		}
	}
	switch {
	case strings.ContainsFunc(x.newHost, unsendable):
		x.transformed = "TransformInvalidHost"
		return false
	case strings.ContainsFunc(x.newTarget, unsendable):
		x.transformed = "TransformInvalidPath"
		return false
	case x.newHost+x.newTarget != "":
		x.transformed = "TransformSuccess"
	}
	return true
}

func unsendable(r rune) bool { return r <= ' ' || r == 0x7f }

// target is what the target is asked for; an absolute one becomes a path.
func (x *exchange) target() string {
	r := x.req
	switch {
	case x.newTarget != "":
		return x.newTarget
	case r.target == "" || r.target[0] == '/' || r.target == "*" || !strings.Contains(r.target, "://"):
		return r.target
	case r.query != "":
		return r.path + "?" + r.query
	}
	return r.path
}
