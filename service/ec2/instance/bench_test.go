package instance_test

import (
	"testing"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
)

// BenchmarkDescribe is DescribeInstances with 1,000 instances, handler alone.
func BenchmarkDescribe(b *testing.B) {
	w := newWorld(b)
	for range 10 {
		w.run(100)
	}
	b.ResetTimer()
	for b.Loop() {
		out := nodetest.Do(w.World, &api.DescribeInstances, &api.DescribeInstancesInput{})
		if len(out.Reservations) != 10 {
			b.Fatalf("%d reservations", len(out.Reservations))
		}
	}
}

// BenchmarkLaunch50 is 50 instances from request to running, on the simulated
// plane: what the cloud itself adds to booting.
func BenchmarkLaunch50(b *testing.B) {
	for b.Loop() {
		w := newWorld(b)
		w.run(50)
	}
}
