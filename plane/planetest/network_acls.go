package planetest

import "pileus/plane"

// number gives ACL rules their numbers: 100, 101, ...
func number(rules ...plane.ACLRule) []plane.ACLRule {
	for i := range rules {
		rules[i].Number = 100 + i
	}
	return rules
}

func allow(m plane.Match) plane.ACLRule { return plane.ACLRule{Allow: true, Match: m} }
func deny(m plane.Match) plane.ACLRule  { return plane.ACLRule{Match: m} }

var anything = from(-1, 0, 0, "0.0.0.0/0")

// Network ACLs: https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html
var aclStages = []stage{
	{"acl: deny 100 before allow 101", func(w *world) {
		w.acl("acl-public-a", number(deny(from(tcp, 80, 80, "0.0.0.0/0")), allow(anything)), number(allow(anything)))
	}, []probe{
		{"other", "web", "tcp 80", false, "the rule with the lowest number decides", ""},
		{"other", "web", "tcp 81", true, "what it does not match goes to the next", ""},
		{"other", "web", "udp 80", true, "a rule for TCP is none for UDP", ""},
		{"app", "web", "tcp 80", true, "an ACL does not see traffic inside of its subnet", ""},
		{"web", "other", "tcp 80", true, "the rule is for what comes in, by its own port", ""},
	}},
	{"acl: allow 100 before deny 101", func(w *world) {
		w.acl("acl-public-a", number(allow(from(tcp, 80, 80, "0.0.0.0/0")), deny(anything)), number(allow(anything)))
	}, []probe{
		{"other", "web", "tcp 80", true, "the rule with the lowest number decides", ""},
		{"other", "web", "tcp 81", false, "a deny that matches everything", ""},
		{"other", "web", "icmp", false, "a deny that matches everything", ""},
		{"web", "other", "tcp 80", false, "the answer comes in as well, to an ephemeral port that is denied", ""},
		{"app", "web", "tcp 81", true, "an ACL does not see traffic inside of its subnet", ""},
		{"web", "metadata", "tcp 80", true, "ACLs do not filter the metadata service", ""},
		{"web", "dns", "udp 53", true, "ACLs do not filter DNS", ""},
	}},
	{"acl: no rule matches", func(w *world) {
		w.acl("acl-public-a", number(allow(from(tcp, 80, 80, "10.0.1.0/24"))), number(allow(anything)))
	}, []probe{
		{"other", "web", "tcp 80", true, "what a rule allows", ""},
		{"db", "web", "tcp 80", false, "rule * denies the rest", ""},
		{"other", "web", "udp 80", false, "rule * denies the rest", ""},
	}},
	{"acl: forgotten ephemeral ports", func(w *world) {
		w.acl("acl-public-a", number(allow(from(tcp, 80, 80, "0.0.0.0/0")), allow(from(udp, 53, 53, "0.0.0.0/0"))),
			number(allow(from(tcp, 80, 80, "0.0.0.0/0")), allow(from(udp, 53, 53, "0.0.0.0/0"))))
	}, []probe{
		{"other", "web", "tcp 80", false, "ACLs are stateless: the answer leaves to an ephemeral port", ""},
		{"other", "web", "udp 53", false, "ACLs are stateless: the answer leaves to an ephemeral port", ""},
		{"web", "other", "tcp 80", false, "ACLs are stateless: the answer comes in to an ephemeral port", ""},
	}},
	{"acl: ephemeral ports out", func(w *world) {
		w.acl("acl-public-a", number(allow(from(tcp, 80, 80, "0.0.0.0/0")), allow(from(udp, 53, 53, "0.0.0.0/0"))),
			number(allow(from(tcp, 1024, 65535, "0.0.0.0/0")), allow(from(udp, 1024, 65535, "0.0.0.0/0"))))
	}, []probe{
		{"other", "web", "tcp 80", true, "ephemeral ports let answers out", ""},
		{"other", "web", "udp 53", true, "ephemeral ports let answers out", ""},
		{"web", "other", "tcp 80", false, "port 80 may not leave", ""},
	}},
	{"acl: egress", func(w *world) {
		w.acl("acl-public-a", number(allow(anything)),
			number(deny(from(tcp, 22, 22, "10.0.1.10/32")), deny(from(icmp, 8, 0, "10.0.2.0/24")), allow(anything)))
	}, []probe{
		{"web", "other", "tcp 22", false, "an egress rule for an address and a port", ""},
		{"web", "db", "tcp 22", true, "another address", ""},
		{"web", "db", "icmp", false, "an egress rule for an ICMP type", ""},
		{"db", "web", "icmp", true, "the answer is of another type", ""},
		{"web", "other", "icmp", true, "another address", ""},
	}},
	{"acl: both subnets ask", func(w *world) {
		w.acl("acl-public-a", number(allow(anything)), number(allow(anything)))
		w.acl("acl-public-b", number(deny(from(-1, 0, 0, "10.0.0.10/32")), allow(anything)), number(allow(anything)))
	}, []probe{
		{"web", "other", "tcp 80", false, "the receiver's subnet denies", ""},
		{"app", "other", "tcp 80", true, "and allows another", ""},
		{"other", "web", "tcp 80", false, "the answer is denied", ""},
	}},
	{"acl: open again", func(w *world) {
		w.acl("acl-public-b", openACL("").Ingress, openACL("").Egress)
		w.acl("acl-public-a", openACL("").Ingress, openACL("").Egress)
	}, []probe{
		{"web", "other", "tcp 80", true, "the default ACL allows everything", ""},
		{"other", "web", "icmp", true, "the default ACL allows everything", ""},
	}},
}
