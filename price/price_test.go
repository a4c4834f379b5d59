package price_test

import (
	"math"
	"testing"
	"time"

	"pileus/price"
)

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

func TestOnDemand(t *testing.T) {
	for _, test := range []struct {
		kind, platform string
		want           float64
	}{
		{"t3.micro", "", 0.0104},
		{"t3.micro", price.Windows, 0.0196},
		{"m5.large", "", 0.096},
		{"m5.large", price.Windows, 0.188},
		{"m5.metal", "", 4.608},
		{"c7i.metal-24xl", "", 4.7124}, // not in proportion
		{"r7i.metal-48xl", "", 12.7008},
		{"g5.xlarge", "", 1.006},
		{"u7in-32tb.224xlarge", "", 360.98695},
		{"t2.nano", "", 0.0058},
	} {
		if got, ok := price.OnDemand(test.kind, test.platform); !ok || !near(got, test.want) {
			t.Errorf("%s %s costs %v, want %v", test.kind, test.platform, got, test.want)
		}
	}
	for _, kind := range []string{"m99.large", "m5", "m5.huge", "g5.2large", ""} {
		if got, ok := price.OnDemand(kind, ""); ok {
			t.Errorf("%q costs %v", kind, got)
		}
	}
}

// TestSpotPrices: they are below those on demand, move, do so at the times
// that NextSpot tells, and are the same whenever one asks.
func TestSpotPrices(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, kind := range []string{"t3.micro", "m5.large", "c5.24xlarge"} {
		most, _ := price.OnDemand(kind, "")
		seen := map[float64]bool{}
		for _, zone := range []string{"us-east-1a", "us-east-1b"} {
			for at := start; at.Before(start.AddDate(0, 1, 0)); {
				p, ok := price.Spot(kind, "", zone, at)
				next := price.NextSpot(kind, zone, at)
				last, _ := price.Spot(kind, "", zone, next.Add(-time.Second))
				if !ok || p != last || p.USD <= 0 || p.USD >= most || p.Since.After(at) || !next.After(at) {
					t.Fatalf("%s in %s at %s: %+v, and %+v before %s", kind, zone, at, p, last, next)
				}
				seen[p.USD] = true
				at = next
			}
		}
		if len(seen) < 10 {
			t.Errorf("%s has only %d prices in a month", kind, len(seen))
		}
	}
	linux, _ := price.Spot("m5.large", "", "us-east-1a", start)
	windows, _ := price.Spot("m5.large", price.Windows, "us-east-1a", start)
	if !near(windows.USD-linux.USD, 0.092) {
		t.Errorf("a Windows license costs %v", windows.USD-linux.USD)
	}
	if _, ok := price.Spot("m99.large", "", "us-east-1a", start); ok {
		t.Error("a type without a price has a spot price")
	}
}

// TestReservationsPayOff: each costs less than running on demand, the more so
// the longer it is and the more is paid in advance.
func TestReservationsPayOff(t *testing.T) {
	base, _ := price.OnDemand("m5.large", "")
	last := base
	for _, term := range []price.Term{
		{1, "convertible", "No Upfront"}, {1, "standard", "No Upfront"}, {1, "standard", "Partial Upfront"}, {1, "standard", "All Upfront"},
		{3, "standard", "No Upfront"}, {3, "standard", "Partial Upfront"}, {3, "standard", "All Upfront"},
	} {
		upfront, hourly, ok := price.Reserved("m5.large", "", term)
		if hour := hourly + upfront/(float64(term.Years)*price.Year.Hours()); !ok || hour >= last {
			t.Errorf("%v costs %v an hour, the one before %v", term, hour, last)
		} else {
			last = hour
		}
	}
	if _, _, ok := price.Reserved("m5.large", "", price.Term{Years: 2, Class: "standard", Payment: "No Upfront"}); ok {
		t.Error("there are two years")
	}
	if got, _ := price.Host("m5.24xlarge"); !near(got, 5.0688) {
		t.Errorf("a host costs %v", got)
	}
}

func TestUsage(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	mean, _ := price.SpotMean("m5.large", "", "us-east-1c", at)
	for _, test := range []struct {
		kind, operation string
		want            float64
		ok              bool
	}{
		{"BoxUsage:m5.large", "RunInstances", 0.096, true},
		{"BoxUsage:m5.large", "RunInstances:0002", 0.188, true},
		{"BoxUsage:m5.large", "RunInstances" + price.Discounted, 0, true},
		{"SpotUsage:m5.large", price.SpotOperation("RunInstances", "us-east-1c"), mean, true},
		{"HeavyUsage:m5.large", "Linux/UNIX, 1yr standard No Upfront", 0.06048, true},
		{"HeavyUsage:m5.large", "Linux/UNIX, 9yr standard No Upfront", 0, false},
		{"HostUsage:m5.24xlarge", "RunInstances", 5.0688, true},
		{"UpfrontFee", "RunInstances", 1, true},
		{"BoxUsage:m99.large", "RunInstances", 0, false},
		{"NatGateway-Hours", "", 0, false},
	} {
		if r, ok := price.Of("us-east-1", test.kind, test.operation, at); ok != test.ok || ok && !near(r.USD, test.want) {
			t.Errorf("%s %s: %+v, %v", test.kind, test.operation, r, ok)
		}
	}
}
