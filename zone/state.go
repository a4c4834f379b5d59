package zone

import (
	"fmt"
	"time"
)

// Path is where `pileus fault zone` asks: GET lists the zones that something
// ails, POST takes a Request, DELETE Path/ZONE heals one and DELETE Path all.
const Path = "/_pileus/zones"

// Request is what somebody wants of a zone.
type Request struct {
	Zone  string `json:"zone"`
	State string `json:"state"` // "down", "up" or "slow"
	// LatencyMS and Rate, in bits per second, are of a slow zone.
	LatencyMS float64 `json:"latencyMs,omitempty"`
	Rate      int64   `json:"rate,omitempty"`
}

// Answer is how zones are after a request.
type Answer struct {
	Zones []State `json:"zones"`
	// Limits is what this machine cannot do of it; "" where it does all.
	Limits string `json:"limits,omitempty"`
}

// State is how a zone is, for those who are told.
type State struct {
	Zone      string    `json:"zone"`
	Down      bool      `json:"down,omitempty"`
	LatencyMS float64   `json:"latencyMs,omitempty"` // added to what crosses its border
	Rate      int64     `json:"rate,omitempty"`      // bits per second
	Since     time.Time `json:"since"`
	// Causes are the experiments behind it; "" is a user's request.
	Causes []string `json:"causes,omitempty"`
}

// join adds a fault to what ails the zone.
func (s *State) join(f *Fault) {
	s.Down = s.Down || f.Down
	s.LatencyMS = max(s.LatencyMS, float64(f.Latency)/float64(time.Millisecond))
	if f.Rate > 0 && (s.Rate == 0 || f.Rate < s.Rate) {
		s.Rate = f.Rate
	}
	if s.Since.IsZero() || f.Since.Before(s.Since) {
		s.Since = f.Since
	}
	s.Causes = append(s.Causes, f.Cause)
}

// Latency is what is added in each direction.
func (s State) Latency() time.Duration {
	return time.Duration(s.LatencyMS * float64(time.Millisecond))
}

// Slow tells whether its border is bound.
func (s State) Slow() bool { return s.LatencyMS > 0 || s.Rate > 0 }

// String tells the state in words: "down", "slow: 20ms, 50 Mbit/s", "up".
func (s State) String() string {
	switch {
	case s.Down:
		return "down"
	case s.LatencyMS > 0 && s.Rate > 0:
		return fmt.Sprintf("slow: %v, %g Mbit/s", s.Latency(), float64(s.Rate)/1e6)
	case s.LatencyMS > 0:
		return fmt.Sprintf("slow: %v", s.Latency())
	case s.Rate > 0:
		return fmt.Sprintf("slow: %g Mbit/s", float64(s.Rate)/1e6)
	}
	return "up"
}
