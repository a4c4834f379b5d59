package identity

import (
	"strings"
	"testing"

	"pileus/rng"
)

// TestIDs: ids have AWS's length and prefix, differ, and say whose they are.
func TestIDs(t *testing.T) {
	src := rng.Seeded(1)
	seen := map[string]bool{}
	for _, account := range []string{"000000000000", "000000000001", "123456789012", "999999999999"} {
		for range 100 {
			key, id := NewKeyID(KeyID, account, src), NewID(UserID, account, src)
			if len(key) != 20 || len(id) != 21 || !strings.HasPrefix(key, KeyID) || !strings.HasPrefix(id, UserID) {
				t.Fatalf("%s %s", key, id)
			}
			if got, ok := KeyAccount(key); !ok || got != account {
				t.Fatalf("%s belongs to %s, want %s", key, got, account)
			}
			if seen[key] || seen[id] {
				t.Fatalf("%s or %s twice", key, id)
			}
			seen[key], seen[id] = true, true
		}
	}
	for _, bad := range []string{"", "AKIA", "AKIA0000000000000000"} {
		if account, ok := KeyAccount(bad); ok {
			t.Errorf("%q belongs to %s", bad, account)
		}
	}
	if s := NewSecret(); len(s) != 40 {
		t.Errorf("a secret of %d characters", len(s))
	}
}
