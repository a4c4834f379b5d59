package trail_test

import (
	"reflect"
	"testing"
	"time"

	"pileus/trail"
)

func TestCompactChangesNothing(t *testing.T) {
	tr := newTrail(openStore(t), trail.Limits{Live: 8, LiveBytes: 1 << 20, Kept: 100, KeptFor: time.Hour, Denials: 10})
	tr.Compact() // of nothing
	record(tr, 0, 12)
	before, err := tr.Last(bg, 8, trail.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	tr.Compact()
	after, err := tr.Last(bg, 8, trail.Filter{})
	if err != nil || !reflect.DeepEqual(before, after) {
		t.Errorf("before %+v\nafter %+v, %v", before, after, err)
	}
	for i, e := range before {
		if want := event(4 + i); e == after[i] || !reflect.DeepEqual(e, want) {
			t.Errorf("an event that somebody holds has changed: %+v, want %+v", e, want)
		}
	}
	record(tr, 12, 16)
	if got := ids(t, tr, 8, trail.Filter{}); len(got) != 8 || got[0] != "8" || got[7] != "15" {
		t.Errorf("after more events: %v", got)
	}
}
