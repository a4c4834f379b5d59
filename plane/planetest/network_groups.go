package planetest

import "pileus/plane"

// Security groups: https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
var groupStages = []stage{
	{"default group", func(w *world) {
		// As AWS makes it: members reach each other, everybody may send.
		w.group("a", plane.Group{ID: "sg-default", Ingress: []plane.Match{member(-1, 0, 0, "sg-default")},
			Egress: []plane.Match{from(-1, 0, 0, "0.0.0.0/0")}})
		w.group("a", plane.Group{ID: "sg-none", Egress: []plane.Match{from(-1, 0, 0, "0.0.0.0/0")}})
		for _, name := range []string{"web", "app", "client", "other"} {
			w.groups(name, "sg-default")
		}
		w.groups("lone", "sg-none")
	}, []probe{
		{"app", "web", "tcp 22", true, "members of a group that refers to itself reach each other", "app"},
		{"app", "web", "udp 5000", true, "protocol -1 is every protocol", "app"},
		{"app", "web", "icmp", true, "protocol -1 is every protocol", ""},
		{"other", "web", "tcp 22", true, "a reference holds across subnets", "other"},
		{"web", "other", "icmp", true, "a reference holds across subnets", ""},
		{"lone", "web", "tcp 22", false, "who is no member is not let in", ""},
		{"lone", "web", "udp 5000", false, "who is no member is not let in", ""},
		{"lone", "web", "icmp", false, "who is no member is not let in", ""},
		{"web", "lone", "tcp 22", false, "a group without ingress rules lets nobody in", ""},
		{"web", "lone", "icmp", false, "a group without ingress rules lets nobody in", ""},
		{"lone", "box", "tcp 22", true, "answers need no rule: groups are stateful", "lone"},
	}},
	{"ranges, ports, protocols", func(w *world) {
		w.group("a", plane.Group{ID: "sg-web", Egress: []plane.Match{from(-1, 0, 0, "0.0.0.0/0")}, Ingress: []plane.Match{
			from(tcp, 80, 80, "10.0.0.11/32"), from(tcp, 8000, 8010, "10.0.1.0/24"), from(udp, 53, 53, "0.0.0.0/0"),
			from(icmp, 8, -1, "10.0.0.0/24"), member(tcp, 443, 443, "sg-client"),
		}})
		w.group("a", plane.Group{ID: "sg-client", Egress: []plane.Match{from(-1, 0, 0, "0.0.0.0/0")}})
		w.groups("web", "sg-web")
		w.groups("client", "sg-client")
	}, []probe{
		{"app", "web", "tcp 80", true, "an address and a port that a rule names", "app"},
		{"client", "web", "tcp 80", false, "an address beside the rule's", ""},
		{"other", "web", "tcp 80", false, "an address beside the rule's", ""},
		{"other", "web", "tcp 8000", true, "the first port of a range", ""},
		{"other", "web", "tcp 8005", true, "a port inside of a range", ""},
		{"other", "web", "tcp 8010", true, "the last port of a range", ""},
		{"other", "web", "tcp 7999", false, "the port before a range", ""},
		{"other", "web", "tcp 8011", false, "the port after a range", ""},
		{"app", "web", "tcp 8005", false, "the range's rule is for another subnet", ""},
		{"app", "web", "udp 53", true, "a rule for everybody", ""},
		{"other", "web", "udp 53", true, "a rule for everybody", ""},
		{"app", "web", "udp 54", false, "a port that no rule names", ""},
		{"app", "web", "tcp 53", false, "a rule for UDP is none for TCP", ""},
		{"app", "web", "icmp", true, "ICMP type 8 of any code is ping", ""},
		{"other", "web", "icmp", false, "ICMP from where no rule says", ""},
		{"client", "web", "tcp 443", true, "a member of the group that a rule refers to", ""},
		{"app", "web", "tcp 443", false, "no member of that group", ""},
		{"web", "client", "tcp 443", false, "a reference is one-way", ""},
	}},
	{"membership changes", func(w *world) {
		w.groups("app", "sg-default", "sg-client")
		w.groups("client", "sg-none")
	}, []probe{
		{"app", "web", "tcp 443", true, "who joins the group is let in", ""},
		{"client", "web", "tcp 443", false, "who leaves it is not", ""},
		{"app", "web", "tcp 80", true, "groups of one interface add up", ""},
	}},
	{"overlapping rules", func(w *world) {
		w.group("a", plane.Group{ID: "sg-web", Egress: []plane.Match{from(-1, 0, 0, "0.0.0.0/0")}, Ingress: []plane.Match{
			from(tcp, 80, 90, "10.0.0.0/8"), from(tcp, 85, 95, "10.0.0.0/16"), from(tcp, 88, 88, "0.0.0.0/0"),
			from(tcp, 80, 80, "10.0.0.11/32"), from(tcp, 95, 99, "10.0.1.10/32"), from(udp, 0, 65535, "10.0.0.0/24"), from(udp, 53, 53, "10.0.0.0/16"),
		}})
	}, []probe{
		{"app", "web", "tcp 80", true, "rules may overlap: what any allows is allowed", ""},
		{"other", "web", "tcp 85", true, "rules may overlap: what any allows is allowed", ""},
		{"client", "web", "tcp 95", true, "rules may overlap: what any allows is allowed", ""},
		{"other", "web", "tcp 99", true, "rules may overlap: what any allows is allowed", ""},
		{"client", "web", "tcp 96", false, "beyond all of them", ""},
		{"app", "web", "udp 9999", true, "all ports of UDP", ""},
		{"other", "web", "udp 9999", false, "all ports of UDP, from another subnet", ""},
		{"other", "web", "udp 53", true, "a narrower rule under a wider one", ""},
	}},
	{"egress", func(w *world) {
		w.group("a", plane.Group{ID: "sg-quiet", Ingress: []plane.Match{from(-1, 0, 0, "0.0.0.0/0")},
			Egress: []plane.Match{from(tcp, 80, 80, "10.0.0.0/24"), from(icmp, -1, -1, "10.0.1.0/24"), member(udp, 7000, 7010, "sg-open")}})
		w.group("a", plane.Group{ID: "sg-mute", Ingress: []plane.Match{from(-1, 0, 0, "0.0.0.0/0")}})
		w.groups("client", "sg-quiet")
		w.groups("lone", "sg-mute")
		w.groups("app", "sg-open")
		w.groups("web", "sg-open")
		w.groups("other", "sg-open")
	}, []probe{
		{"client", "web", "tcp 80", true, "egress to the address and port of a rule", ""},
		{"client", "web", "tcp 81", false, "egress to another port", ""},
		{"client", "other", "tcp 80", false, "egress to another subnet", ""},
		{"client", "other", "icmp", true, "all ICMP", ""},
		{"client", "web", "icmp", false, "ICMP to elsewhere", ""},
		{"client", "db", "udp 7005", true, "egress to the members of a group", ""},
		{"client", "db", "udp 7011", false, "egress to members, another port", ""},
		{"web", "client", "tcp 9000", true, "answers need no egress rule", ""},
		{"lone", "web", "tcp 80", false, "a group without egress rules sends nothing", ""},
		{"lone", "web", "icmp", false, "a group without egress rules sends nothing", ""},
		{"web", "lone", "tcp 80", true, "but it answers", ""},
		{"lone", "metadata", "tcp 80", true, "groups do not filter the metadata service", "lone"},
		{"lone", "dns", "udp 53", true, "groups do not filter DNS", "lone"},
	}},
	{"icmp types", func(w *world) {
		w.group("a", plane.Group{ID: "sg-icmp", Egress: []plane.Match{from(-1, 0, 0, "0.0.0.0/0")},
			Ingress: []plane.Match{from(icmp, 8, 0, "10.0.0.11/32"), from(icmp, 3, 4, "10.0.0.12/32"), from(icmp, 8, 1, "10.0.1.10/32"), from(icmp, -1, -1, "10.0.2.0/24")}})
		w.groups("client", "sg-open")
		w.groups("web", "sg-icmp")
	}, []probe{
		{"app", "web", "icmp", true, "ICMP type 8 code 0 is ping", ""},
		{"client", "web", "icmp", false, "ICMP of another type", ""},
		{"other", "web", "icmp", false, "ICMP of another code", ""},
		{"db", "web", "icmp", true, "ICMP of every type", ""},
		{"app", "web", "tcp 80", false, "ICMP is not TCP", ""},
	}},
	{"no rules at all", func(w *world) {
		w.group("a", plane.Group{ID: "sg-icmp"})
	}, []probe{
		{"app", "web", "icmp", false, "a group without rules", ""},
		{"web", "app", "icmp", false, "a group without rules", ""},
		{"web", "metadata", "tcp 80", true, "groups do not filter the metadata service", ""},
	}},
	{"open again", func(w *world) {
		for _, name := range []string{"web", "app", "client", "lone", "other"} {
			w.groups(name, "sg-open")
		}
	}, []probe{
		{"app", "web", "tcp 80", true, "rules that allow everything", ""},
		{"iso", "web", "tcp 80", true, "local routes need no entry", ""},
		{"db", "iso", "udp 9", true, "local routes need no entry", ""},
	}},
}
