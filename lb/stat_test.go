package lb

import (
	"math"
	"net/netip"
	"slices"
	"testing"
	"time"
)

func TestStatistics(t *testing.T) {
	s := newWeb(t, webTarget(t, "i-1", tells), webTarget(t, "i-2", tells))
	s.b.Nodes = append(s.b.Nodes, Node{Zone: "b", Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.4")}})
	s.b.Groups["h"] = &Group{ID: "h", Protocol: "HTTP", Version: "HTTP1", Check: Check{Off: true}, Targets: []Target{webTarget(t, "i-3", tells)}}
	s.b.Listeners[0].Rules = []Rule{{Priority: 1, Conditions: []Condition{{Field: "path-pattern", Values: []string{"/h"}}}, Actions: forwardTo("h")}}
	b := s.apply().dial()
	for range 4 {
		b.get("/")
	}
	b.get("/h", "Under_score: 1")
	b.say("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").hear("GET")
	all := s.counted()
	for _, want := range []struct {
		name, zone, group string
		n                 float64
	}{
		{"RequestCount", "", "", 6}, {"RequestCount", "a", "", 6}, {"RequestCount", "", "g", 5}, {"RequestCount", "a", "h", 1}, {"RequestCount", "b", "", 0},
		{"RequestCountPerTarget", "", "g", 2.5}, {"RequestCountPerTarget", "", "h", 1}, {"HTTPCode_Target_2XX_Count", "a", "g", 5},
		{"NewConnectionCount", "", "", 1}, {"HealthyHostCount", "", "g", 2}, {"HealthyHostCount", "a", "h", 1}, {"HealthyHostCount", "b", "h", 0},
		{"ForwardedInvalidHeaderRequestCount", "", "", 1}, {"DesyncMitigationMode_NonCompliant_Request_Count", "", "", 1},
	} {
		if got := sumIn(all, want.name, want.zone, want.group); got != want.n {
			t.Errorf("%+v: %v", want, got)
		}
	}
	for _, name := range []string{"TargetResponseTime", "ProcessedBytes", "ConsumedLCUs"} {
		if sumIn(all, name, "", "") <= 0 {
			t.Errorf("%s is nothing", name)
		}
	}
}

func TestStatisticsAreGivenOutOnce(t *testing.T) {
	s := newStats()
	s.value("Latency", "Seconds", "a", "").add(1)
	if all := s.distributions(); len(all) != 2 || all[0].Counts[0] != 1 {
		t.Errorf("%+v", all)
	}
	if all := s.distributions(); len(all) != 0 {
		t.Errorf("again %+v", all)
	}
}

// TestPercentiles holds the buckets to their exactness.
func TestPercentiles(t *testing.T) {
	var v values
	var exact []float64
	for i := range 1000 {
		x := time.Duration(i*i*1000 + 2000).Seconds()
		v.add(x)
		exact = append(exact, x)
	}
	xs, counts := v.take()
	var all []float64
	for i, x := range xs {
		for range int(counts[i]) {
			all = append(all, x)
		}
	}
	slices.Sort(all)
	for _, at := range []int{0, 500, 990, 999} {
		if math.Abs(all[at]/exact[at]-1) > 0.011 {
			t.Errorf("number %d is %v, was %v", at, all[at], exact[at])
		}
	}
}
