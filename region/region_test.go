package region

import "testing"

func TestZones(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range All() {
		zones := r.Zones()
		if len(zones) < 2 {
			t.Errorf("%s has %d zones", r.Name, len(zones))
		}
		for _, z := range zones {
			if seen[z.ID] {
				t.Errorf("zone id %s is used twice", z.ID)
			}
			seen[z.ID] = true
			if got, ok := ZoneNamed(z.Name); !ok || got != z {
				t.Errorf("ZoneNamed(%q) = %v, %v", z.Name, got, ok)
			}
			if got, ok := r.FindZone(z.ID); !ok || got != z {
				t.Errorf("FindZone(%q) = %v, %v", z.ID, got, ok)
			}
		}
	}
	if z, _ := ZoneNamed("us-east-1a"); z.ID != "use1-az1" {
		t.Errorf("us-east-1a is %s", z.ID)
	}
	for _, bad := range []string{"", "a", "us-east-1", "us-east-1z", "nowhere-1a"} {
		if z, ok := ZoneNamed(bad); ok {
			t.Errorf("ZoneNamed(%q) = %v", bad, z)
		}
	}
}
