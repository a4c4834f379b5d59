package policy

import (
	"fmt"
	"strings"
)

// Text tells the trace in words: who asked for what, which policies were
// looked at, what decided, what nearly did, and what would help.
func (t *Trace) Text() string {
	var b strings.Builder
	t.question(&b)
	t.answer(&b)
	t.looked(&b)
	t.misses(&b)
	if s := Suggest(t); s != "" {
		b.WriteString("\nWhat would allow it:\n\n" + indent(s, "  ") + "\n")
	}
	return b.String()
}

func (t *Trace) question(b *strings.Builder) {
	fmt.Fprintf(b, "%s asked for %s", t.Principal, t.Action)
	if t.Resource != "" && t.Resource != "*" {
		fmt.Fprintf(b, " on %s", t.Resource)
	}
	if t.CrossAccount {
		fmt.Fprintf(b, ", which belongs to another account, %s", t.ResourceAccount)
	}
	b.WriteString(".\n")
}

func (t *Trace) answer(b *strings.Builder) {
	switch t.Reason {
	case Allowed.String():
		if p, s := t.decider(); s != nil {
			fmt.Fprintf(b, "Yes: %s of the %s %s allows it.\n", s.name(), p.Layer, p.ID)
		} else {
			b.WriteString("Yes: the account's root user may do everything that no policy denies.\n")
		}
	case ExplicitDeny.String():
		p, s := t.decider()
		fmt.Fprintf(b, "No: %s of the %s %s denies it. A Deny outweighs every Allow.\n", s.name(), p.Layer, p.ID)
	default:
		fmt.Fprintf(b, "No: nothing denies it, but no %s allows it, and what is not allowed is denied.\n", t.Layer)
		if t.CrossAccount {
			b.WriteString("Across accounts both sides must allow: the caller's own policies, and the policy of the resource.\n")
		}
	}
}

// decider is the statement that the decision rests on.
func (t *Trace) decider() (*PolicyTrace, *StatementTrace) {
	for i := range t.Policies {
		for j := range t.Policies[i].Statements {
			if s := &t.Policies[i].Statements[j]; s.Decided {
				return &t.Policies[i], s
			}
		}
	}
	return nil, nil
}

func (t *Trace) looked(b *strings.Builder) {
	if len(t.Policies) == 0 {
		b.WriteString("\nThere was no policy to look at.\n")
		return
	}
	b.WriteString("\nPolicies that were looked at:\n")
	for i := range t.Policies {
		p := &t.Policies[i]
		layer := p.Layer
		if p.Layer == SCP.String() || p.Layer == RCP.String() {
			layer = fmt.Sprintf("%s, level %d", layer, p.Level)
		}
		fmt.Fprintf(b, "  %s (%s) %s", p.ID, layer, p.Effect)
		var by []string
		for j := range p.Statements {
			if s := &p.Statements[j]; s.Matched && (s.Effect == "Deny") == (p.Effect == "denies") {
				by = append(by, s.name())
			}
		}
		if len(by) > 0 {
			b.WriteString(": " + strings.Join(by, ", "))
		}
		b.WriteString("\n")
	}
}

// misses tells of the Allow statements that cover the action but failed in
// something else: they are where the mistake usually is.
func (t *Trace) misses(b *strings.Builder) {
	if t.Allowed || t.Reason == ExplicitDeny.String() {
		return
	}
	first, conditional := true, false
	for i := range t.Policies {
		p := &t.Policies[i]
		for j := range p.Statements {
			s := &p.Statements[j]
			if s.Matched || s.Effect == "Deny" || !s.Action.Matched {
				continue
			}
			if first {
				b.WriteString("\nStatements that came close:\n")
				first = false
			}
			fmt.Fprintf(b, "  %s of %s covers the action, but\n", s.name(), p.ID)
			s.why(b)
			conditional = conditional || s.onlyConditions()
		}
	}
	if conditional {
		b.WriteString("Where a condition stands for good reason, change the request and not the policy.\n")
	}
}

// onlyConditions tells whether nothing but conditions failed.
func (s *StatementTrace) onlyConditions() bool {
	return !s.Matched && s.Action.Matched && (s.Principal == nil || s.Principal.Matched) && (s.Resource == nil || s.Resource.Matched)
}

// why lists what failed.
func (s *StatementTrace) why(b *strings.Builder) {
	for _, e := range []*ElementTrace{s.Principal, s.Resource} {
		if e == nil || e.Matched {
			continue
		}
		verb := "is not covered by"
		if strings.HasPrefix(e.Element, "Not") {
			verb = "is excluded by"
		}
		fmt.Fprintf(b, "    %s %s %s %s", e.Got, verb, e.Element, few(e.Wanted, e.Omitted))
		if e.Note != "" {
			fmt.Fprintf(b, " (%s)", e.Note)
		}
		b.WriteString("\n")
	}
	for _, c := range s.Conditions {
		if c.Matched {
			continue
		}
		got := "the request has no such key"
		if !c.Missing {
			got = "it was " + few(c.Got, 0)
		}
		fmt.Fprintf(b, "    the condition %s on %s wants %s; %s", c.Operator, c.Key, few(c.Wanted, 0), got)
		if c.Note != "" {
			fmt.Fprintf(b, " (%s)", c.Note)
		}
		b.WriteString("\n")
	}
}

func (s *StatementTrace) name() string {
	if s.Sid != "" {
		return fmt.Sprintf("statement %d (%q, line %d)", s.Index+1, s.Sid, s.Start.Line)
	}
	return fmt.Sprintf("statement %d (line %d)", s.Index+1, s.Start.Line)
}

// few writes a list, and only the beginning of a long one.
func few(list []string, omitted int) string {
	const most = 6
	quoted := make([]string, 0, most)
	for i, s := range list {
		if i == most {
			omitted += len(list) - most
			break
		}
		quoted = append(quoted, fmt.Sprintf("%q", s))
	}
	switch {
	case len(quoted) == 0:
		return "nothing"
	case omitted > 0:
		return strings.Join(quoted, ", ") + fmt.Sprintf(" and %d more", omitted)
	}
	return strings.Join(quoted, " or ")
}

func indent(s, by string) string {
	return strings.ReplaceAll(by+strings.ReplaceAll(s, "\n", "\n"+by), by+"\n", "\n")
}
