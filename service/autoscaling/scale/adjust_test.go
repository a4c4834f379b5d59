package scale

import (
	"math"
	"testing"

	api "pileus/api/autoscaling"
)

func TestAdjusted(t *testing.T) {
	for _, x := range []struct {
		current   int
		kind      string
		by, least int
		want      int
	}{
		{4, changeInCapacity, 2, 0, 6},
		{4, changeInCapacity, -2, 0, 2},
		{4, exactCapacity, 9, 0, 9},
		{10, percentChangeInCapacity, 10, 0, 11},
		{127, percentChangeInCapacity, 10, 0, 139}, // 12.7 is 12
		{4, percentChangeInCapacity, 10, 0, 5},     // 0.4 is 1
		{4, percentChangeInCapacity, -10, 0, 3},    // -0.4 is -1
		{67, percentChangeInCapacity, -10, 0, 61},  // -6.7 is -6
		{4, percentChangeInCapacity, 25, 2, 6},
		{4, percentChangeInCapacity, -25, 2, 2},
		{100, percentChangeInCapacity, 25, 2, 125},
		{4, percentChangeInCapacity, 0, 2, 4},
		{0, percentChangeInCapacity, 50, 0, 1},
	} {
		if got := adjusted(x.current, x.kind, x.by, x.least); got != x.want {
			t.Errorf("%s of %d by %d, at least %d: %d, want %d", x.kind, x.current, x.by, x.least, got, x.want)
		}
	}
}

func TestStep(t *testing.T) {
	out := []api.StepAdjustment{
		{MetricIntervalLowerBound: new(0.0), MetricIntervalUpperBound: new(10.0), ScalingAdjustment: 0},
		{MetricIntervalLowerBound: new(10.0), MetricIntervalUpperBound: new(20.0), ScalingAdjustment: 10},
		{MetricIntervalLowerBound: new(20.0), ScalingAdjustment: 30},
	}
	in := []api.StepAdjustment{
		{MetricIntervalLowerBound: new(-10.0), MetricIntervalUpperBound: new(0.0), ScalingAdjustment: 0},
		{MetricIntervalLowerBound: new(-20.0), MetricIntervalUpperBound: new(-10.0), ScalingAdjustment: -10},
		{MetricIntervalUpperBound: new(-20.0), ScalingAdjustment: -30},
	}
	for _, x := range []struct {
		steps  []api.StepAdjustment
		breach float64
		want   int
		ok     bool
	}{
		{out, 0, 0, true}, {out, 9.9, 0, true}, {out, 10, 10, true}, {out, 20, 30, true}, {out, 1e9, 30, true}, {out, -1, 0, false},
		{in, -0.1, 0, true}, {in, -9.9, 0, true}, {in, -10, -10, true}, {in, -19.9, -10, true}, {in, -20, -30, true}, {in, 1, 0, false},
		{out, math.Inf(1), 0, false},
	} {
		if by, ok := step(x.steps, x.breach); by != x.want || ok != x.ok {
			t.Errorf("breach by %v: %d, %t; want %d, %t", x.breach, by, ok, x.want, x.ok)
		}
	}
}

// The example of AWS's page on step scaling: 10 instances, then one, then
// three more than ten are asked for while the first still warms up.
func TestStepWarmUp(t *testing.T) {
	for _, x := range []struct {
		name     string
		capacity capacity
		kind     string
		by       int
		want     int
	}{
		{"first breach", capacity{desired: 10, ready: 10, max: 20}, percentChangeInCapacity, 10, 11},
		{"again while it warms up", capacity{desired: 11, ready: 10, warming: 1, max: 20}, percentChangeInCapacity, 10, 11},
		{"a larger step while it warms up", capacity{desired: 11, ready: 10, warming: 1, max: 20}, percentChangeInCapacity, 30, 13},
		{"held to the maximum", capacity{desired: 10, ready: 10, max: 12}, percentChangeInCapacity, 30, 12},
		{"no removal while it warms up", capacity{desired: 11, ready: 10, warming: 1, max: 20}, changeInCapacity, -1, 11},
		{"removal", capacity{desired: 10, ready: 10, max: 20}, changeInCapacity, -1, 9},
		{"removal while one leaves", capacity{desired: 9, ready: 9, leaving: 1, max: 20}, changeInCapacity, -1, 9},
		{"a larger removal while one leaves", capacity{desired: 9, ready: 9, leaving: 1, max: 20}, changeInCapacity, -3, 7},
		{"held to the minimum", capacity{desired: 10, ready: 10, min: 8, max: 20}, changeInCapacity, -5, 8},
		{"exact", capacity{desired: 10, ready: 10, max: 20}, exactCapacity, 4, 4},
		{"desired above the maximum is left", capacity{desired: 15, ready: 15, max: 12}, changeInCapacity, 1, 15},
	} {
		if got := x.capacity.stepped(x.kind, x.by, 0); got != x.want {
			t.Errorf("%s: %d, want %d", x.name, got, x.want)
		}
	}
}

func TestTracked(t *testing.T) {
	for _, x := range []struct {
		name          string
		capacity      capacity
		value, target float64
		want          int
	}{
		{"proportionate", capacity{desired: 4, ready: 4, max: 20}, 75, 50, 6},
		{"rounded up", capacity{desired: 4, ready: 4, max: 20}, 51, 50, 5},
		{"exactly", capacity{desired: 3, ready: 3, max: 20}, 100, 50, 6},
		{"not twice", capacity{desired: 6, ready: 4, warming: 2, max: 20}, 75, 50, 6},
		{"more is missing", capacity{desired: 6, ready: 4, warming: 2, max: 20}, 100, 50, 8},
		{"held to the maximum", capacity{desired: 4, ready: 4, max: 5}, 1e300, 50, 5},
		{"from none in service", capacity{desired: 1, ready: 0, warming: 1, max: 5}, 90, 50, 1},
		{"in by one", capacity{desired: 4, ready: 4, min: 1, max: 20}, 5, 50, 3},
		{"in by a tenth", capacity{desired: 40, ready: 40, min: 1, max: 50}, 5, 50, 36},
		{"in as far as the target allows", capacity{desired: 40, ready: 40, min: 1, max: 50}, 47.6, 50, 39},
		{"one would be too hot without its neighbour", capacity{desired: 2, ready: 2, min: 1, max: 50}, 30, 50, 2},
		{"held to the minimum", capacity{desired: 2, ready: 2, min: 2, max: 50}, 0, 50, 2},
		{"not while it warms up", capacity{desired: 3, ready: 2, warming: 1, min: 1, max: 50}, 0, 50, 3},
	} {
		if got := x.capacity.tracked(x.value, x.target); got != x.want {
			t.Errorf("%s: %d, want %d", x.name, got, x.want)
		}
	}
}
