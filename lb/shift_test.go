package lb

import (
	"fmt"
	"net/netip"
	"testing"
)

// TestTrafficShiftedAway: a zone that traffic is shifted away from is not in
// DNS, and across zones its targets get nothing new, whatever their health.
func TestTrafficShiftedAway(t *testing.T) {
	one, two := webTarget(t, "i-1", named("one")), webTarget(t, "i-2", named("two"))
	one.Zone, two.Zone = "a", "b"
	s := newWeb(t, one, two)
	s.b.Nodes = append(s.b.Nodes, Node{Zone: "b", Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.4")}})
	shift := func(away string, cross bool) (answers map[string]int, nodes string) {
		t.Helper()
		s.b.Away, s.b.CrossZone = away, cross
		s.apply()
		answers = map[string]int{}
		b := s.dial() // at the node in a
		for range 6 {
			_, body := b.get("/")
			answers[body]++
		}
		return answers, fmt.Sprint(s.engine.Nodes("b"))
	}
	const shifted = "[{a false traffic is shifted away from the zone} {b true }]"
	for _, row := range []struct {
		away           string
		cross          bool
		answers, nodes string
	}{
		{"", true, "map[one:3 two:3]", "[{a true } {b true }]"},
		{"a", true, "map[two:6]", shifted},
		{"b", true, "map[one:6]", "[{a true } {b false traffic is shifted away from the zone}]"},
		{"a", false, "map[one:6]", shifted}, // who has the address still, is served
		{"", true, "map[one:3 two:3]", "[{a true } {b true }]"},
	} {
		answers, nodes := shift(row.away, row.cross)
		if fmt.Sprint(answers) != row.answers || nodes != row.nodes {
			t.Errorf("away from %q, across zones %v: %v %s, want %s %s", row.away, row.cross, answers, nodes, row.answers, row.nodes)
		}
	}
	s.b.Groups = map[string]*Group{"g": {ID: "g", Protocol: "HTTP", Version: "HTTP1", Targets: []Target{one}, Check: Check{Off: true}}}
	if answers, _ := shift("a", true); answers["one"] != 6 {
		t.Errorf("with targets in that zone only they are used: %v", answers)
	}
}
