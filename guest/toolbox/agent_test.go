//go:build linux

package toolbox

import "testing"

func TestAgentPlan(t *testing.T) {
	p, err := parsePlan([]byte(defaultPlan))
	if err != nil || p.Agent.Interval != 60 || p.Metrics.Namespace != "CWAgent" || p.Metrics.Collected.Disk.Resources[0] != "/" {
		t.Errorf("default: %+v, %v", p, err)
	}
	found := map[string]float64{}
	for _, d := range p.collect() {
		found[d.name] = d.value
	}
	if v, ok := found["disk_used_percent"]; !ok || v <= 0 || v > 100 {
		t.Errorf("disk use is %v, %v", v, ok)
	}
	for _, bad := range []string{"", "{", `{"metrics":{"metrics_collected":{"cpu":{}}}}`} {
		if _, err := parsePlan([]byte(bad)); err == nil {
			t.Errorf("%q is a configuration", bad)
		}
	}
}
