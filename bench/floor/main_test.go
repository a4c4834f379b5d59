package main

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pileus/bench/load"
	"pileus/sigv4"
)

// TestWorkloads runs every workload against the floor for a moment: all of
// its requests are signed well and all answers understood.
func TestWorkloads(t *testing.T) {
	server := httptest.NewServer(newFloor())
	defer server.Close()
	s := load.NewSession(load.Target{Name: "floor", Addr: strings.TrimPrefix(server.URL, "http://"), Credential: sigv4.Credential{AccessKey: "test", Secret: "test"}})
	for _, w := range load.Workloads() {
		t.Run(w.Name, func(t *testing.T) {
			if err := s.Setup(w); err != nil {
				t.Fatal(err)
			}
			if err := s.Before(w, time.Second); err != nil {
				t.Fatal(err)
			}
			r, err := s.Run(w, 20*time.Millisecond, func() {})
			if err != nil || r.Errors > 0 || r.Operations == 0 || r.P50 <= 0 || r.P99 < r.P50 {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

// TestRefusals: the floor does verify.
func TestRefusals(t *testing.T) {
	server := httptest.NewServer(newFloor())
	defer server.Close()
	s := load.NewSession(load.Target{Name: "floor", Addr: strings.TrimPrefix(server.URL, "http://"), Credential: sigv4.Credential{AccessKey: "test", Secret: "wrong"}})
	for _, w := range load.Workloads() {
		if err := s.Setup(w); err == nil || !strings.Contains(err.Error(), "403") {
			t.Errorf("%s: %v", w.Name, err)
		}
	}
}
