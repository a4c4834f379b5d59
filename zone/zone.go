// Package zone holds what has been done to availability zones on purpose: those
// that are dark, and those whose links are slow. Who makes things fail writes
// it (the fault API, the Fault Injection Service); who is in a zone reads it:
// EC2 cuts the network and starts nothing there.
package zone

import (
	"time"

	"pileus/store"
)

// Fault is what ails a zone, for every account.
type Fault struct {
	Zone string // "us-east-1a"
	// Cause tells several faults of one zone apart: "" is the user's, by
	// `pileus fault zone`; an experiment writes its ARN.
	Cause string
	Down  bool // nothing goes in or out
	// Latency is added to what crosses the zone's border, in each direction;
	// Rate bounds it, in bits per second. Zero for none.
	Latency time.Duration
	Rate    int64
	Since   time.Time
}

// Faults by zone and cause.
var Faults = &store.Table[Fault]{
	Name: "zone.fault",
	Key:  func(f *Fault) store.Key { return store.K(f.Zone, f.Cause) },
	Memo: 256,
}

// Controller is the name of the controller that makes the data plane follow;
// who changes Faults wakes it in the same transaction, with the key K().
const Controller = "ec2.zones"

// K is the one key of the controller.
func K() store.Key { return store.K("all") }

// Down tells whether a zone is dark.
func Down(r store.Reader, zone string) bool {
	for f := range Faults.Scan(r, zone) {
		if f.Down {
			return true
		}
	}
	return false
}
