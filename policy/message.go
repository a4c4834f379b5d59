package policy

import "strings"

// Message words a refusal as AWS does (troubleshoot_access-denied): who, what,
// on what, and which kind of policy stood in the way.
func Message(r *Request, d Decision) string {
	who := r.Principal.ARN
	if who == "" || r.Principal.Kind == "Anonymous" {
		who = "anonymous"
		if r.Principal.Service != "" {
			who = r.Principal.Service
		}
	}
	var b strings.Builder
	b.WriteString("User: " + who + " is not authorized to perform: " + r.Action)
	if r.Resource != "" && r.Resource != "*" {
		b.WriteString(" on resource: " + r.Resource)
	}
	if d.Reason == ExplicitDeny {
		b.WriteString(" with an explicit deny in " + article(d.Layer))
		return b.String()
	}
	b.WriteString(" because no " + d.Layer.String() + " allows the " + r.Action + " action")
	return b.String()
}

func article(k Kind) string {
	switch k {
	case Identity:
		return "an " + k.String()
	case Trust:
		return "the " + k.String()
	}
	return "a " + k.String()
}
