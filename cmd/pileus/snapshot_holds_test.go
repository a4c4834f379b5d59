package main

import "testing"

// TestHolds tells what a saved cloud has, and nothing of what it has not.
func TestHolds(t *testing.T) {
	for want, m := range map[string]map[string]int{
		"2 buckets, 1 users": {"users": 1, "queues": 0, "buckets": 2},
		"empty":              {"queues": 0},
	} {
		if got := holds(m); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}
