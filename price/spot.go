package price

import (
	"hash/fnv"
	"math"
	"time"
)

// The spot market is this cloud's own: prices lie where AWS's mostly do, a
// fraction of the price on demand, and change a few times a day. They are a
// function of the type, the platform, the zone and the time alone, so that the
// history, the bill and every restart agree on them.

// period is how long a spot price lasts. Types change at different times.
const period = 4 * time.Hour

const (
	cheapest = 0.28 // of the price on demand, on average over the time
	dearest  = 0.48
	zones    = 0.06 // by how much zones differ, as a fraction of the price on demand
	swing    = 0.10 // by how much the price moves
)

// SpotPrice is a spot price, from when on it is asked.
type SpotPrice struct {
	USD   float64
	Since time.Time
}

// Spot is what an hour of a type costs in a zone at a time; ok is false for
// types that have no price.
func Spot(kind, platform, zone string, at time.Time) (p SpotPrice, ok bool) {
	base, ok := OnDemand(kind, "")
	if !ok {
		return p, false
	}
	n := step(kind, zone, at)
	share := cheapest + (dearest-cheapest)*unit(kind) + zones*(2*unit(kind, zone)-1) + swing*wave(n, unit(zone, kind, "phase"))
	p = SpotPrice{round(base*share, 4), begin(kind, zone, n)}
	if p.USD == 0 {
		p.USD = 0.0001
	}
	if platform == Windows {
		p.USD = round(p.USD+license(kind), 4) // a license has no market
	}
	return p, true
}

// NextSpot is when the price of a type in a zone may change next.
func NextSpot(kind, zone string, at time.Time) time.Time {
	return begin(kind, zone, step(kind, zone, at)+1)
}

// SpotMean is the mean price of the day that a time lies in: samples of usage
// are summed up by the day.
func SpotMean(kind, platform, zone string, at time.Time) (usd float64, ok bool) {
	day := at.UTC().Truncate(24 * time.Hour)
	for t := day; t.Before(day.Add(24 * time.Hour)); t = t.Add(time.Hour) {
		p, found := Spot(kind, platform, zone, t)
		if !found {
			return 0, false
		}
		usd += p.USD / 24
	}
	return round(usd, 6), true
}

// SpotScore is how likely a request for a type in a zone is to be fulfilled,
// from 1 to 10, on the day of a time.
func SpotScore(kind, zone string, at time.Time) int {
	day := at.UTC().Truncate(24 * time.Hour)
	return 1 + int(10*unit(kind, zone, "score", day.Format(time.DateOnly)))%10
}

// step numbers the prices of a type in a zone.
func step(kind, zone string, at time.Time) int64 {
	return int64(math.Floor(float64(at.Add(-offset(kind, zone)).Unix()) / period.Seconds()))
}

func begin(kind, zone string, n int64) time.Time {
	return time.Unix(n*int64(period/time.Second), 0).UTC().Add(offset(kind, zone))
}

// offset is when in a period the prices of a type change.
func offset(kind, zone string) time.Duration {
	return time.Duration(unit(kind, zone, "offset") * float64(period)).Truncate(time.Second)
}

// wave moves slowly between -1 and 1, with some days calmer than others.
func wave(n int64, phase float64) float64 {
	x := float64(n) + phase*1000
	return 0.5*math.Sin(x/3) + 0.3*math.Sin(x/11+2) + 0.2*math.Sin(x*1.7)
}

// unit is a number from 0 to 1 that belongs to some words.
func unit(words ...string) float64 {
	h := fnv.New64a()
	for _, w := range words {
		h.Write([]byte(w)) // never fails
		h.Write([]byte{0})
	}
	x := h.Sum64()
	x ^= x >> 33 // names differ in their last letters: spread that
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return float64(x>>11) / (1 << 53)
}
