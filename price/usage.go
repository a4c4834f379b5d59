package price

import (
	"strconv"
	"strings"
	"time"
)

// Rate is what one unit of a usage type costs.
type Rate struct {
	USD         float64
	Unit        string
	Description string
}

// Operations of usage that say more than the platform.
const (
	// Discounted marks hours of instances that a reservation covers.
	Discounted = "/DiscountedUsage"
	// spotZone marks the zone that a spot instance ran in.
	spotZone = ":SV"
	// windowsOperation is what runs Windows.
	windowsOperation = "RunInstances:0002"
)

// SpotOperation is the operation of a spot instance's usage: it tells the
// zone, because spot prices are a zone's.
func SpotOperation(operation, zone string) string {
	n := 0
	if zone != "" {
		n = int(zone[len(zone)-1]-'a') + 1
	}
	s := strconv.Itoa(n)
	return operation + spotZone + strings.Repeat("0", max(0, 3-len(s))) + s
}

// zoneOf is the zone that SpotOperation was told.
func zoneOf(region, operation string) string {
	_, digits, ok := strings.Cut(operation, spotZone)
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 1 {
		return region + "a"
	}
	return region + string(rune('a'+n-1))
}

// Of is the rate of a usage type of EC2 instances; ok is false for others and
// for what has no price.
func Of(region, kind, operation string, at time.Time) (r Rate, ok bool) {
	if kind == "UpfrontFee" {
		return Rate{1, "USD", "Paid in advance"}, true
	}
	usage, name, _ := strings.Cut(kind, ":")
	platform := ""
	if strings.HasPrefix(operation, windowsOperation) {
		platform = Windows
	}
	switch usage {
	case "BoxUsage", "DedicatedUsage", "UnusedBox":
		return onDemandRate(usage, name, platform, operation)
	case "SpotUsage":
		usd, ok := SpotMean(name, platform, zoneOf(region, operation), at)
		return Rate{usd, "Hrs", "Spot " + name + ": mean price of the day"}, ok
	case "HeavyUsage":
		platform, term, _ := strings.Cut(operation, ", ")
		t, known := parseTerm(term)
		_, usd, ok := Reserved(name, platform, t)
		return Rate{usd, "Hrs", "Reserved " + name + ", " + term}, known && ok
	case "HostUsage":
		usd, ok := Host(name)
		return Rate{usd, "Hrs", "Dedicated host for " + name}, ok
	case "HostReservation":
		t, known := parseTerm(operation)
		_, usd, ok := ReservedHost(name, t)
		return Rate{usd, "Hrs", "Reserved host for " + name + ", " + operation}, known && ok
	}
	return r, false
}

// onDemandRate is the rate of instances on demand, or nothing for those that a
// reservation covers.
func onDemandRate(usage, name, platform, operation string) (r Rate, ok bool) {
	if strings.HasSuffix(operation, Discounted) {
		return Rate{0, "Hrs", name + ", covered by a reservation"}, true
	}
	usd, ok := OnDemand(name, platform)
	words := map[string]string{"BoxUsage": "On demand ", "DedicatedUsage": "Dedicated ", "UnusedBox": "Reserved capacity not used: "}
	return Rate{usd, "Hrs", words[usage] + name}, ok
}
