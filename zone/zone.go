// Package zone holds what has been done to availability zones on purpose: those
// that are dark, and those whose links are slow. Who makes things fail writes
// it (the fault API, the Fault Injection Service); who is in a zone reads it:
// EC2 cuts the network and starts nothing there.
package zone

import (
	"slices"
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

// Autoshift is the name of the controller that shifts traffic away from dark
// zones; it is woken with the other one.
const Autoshift = "arczonalshift.zones"

// K is the one key of the controllers.
func K() store.Key { return store.K("all") }

// Put adds a fault, or takes its place among those of the zone, and has the
// data plane follow.
func Put(tx store.Tx, f *Fault) {
	Faults.Put(tx, f)
	wake(tx)
}

func wake(tx store.Tx) {
	tx.After(time.Time{}, Controller, K())
	tx.After(time.Time{}, Autoshift, K())
}

// Heal removes the faults of a zone that have one of the causes; all where no
// cause is named. It tells how many there were.
func Heal(tx store.Tx, zone string, causes ...string) (n int) {
	for f := range Faults.Scan(tx, zone) {
		if len(causes) == 0 || slices.Contains(causes, f.Cause) {
			Faults.Delete(tx, f.Zone, f.Cause)
			n++
		}
	}
	if n > 0 {
		wake(tx)
	}
	return n
}

// Down tells whether a zone is dark.
func Down(r store.Reader, zone string) bool { return Of(r, zone).Down }

// Of joins the faults of a zone: dark if one makes it so, as slow as the
// slowest. The zero State but for its name is a zone that nothing ails.
func Of(r store.Reader, zone string) State {
	s := State{Zone: zone}
	for f := range Faults.Scan(r, zone) {
		s.join(f)
	}
	return s
}

// All are the zones that something ails, by name.
func All(r store.Reader) []State {
	list := []State{}
	for f := range Faults.Scan(r) {
		if n := len(list); n == 0 || list[n-1].Zone != f.Zone {
			list = append(list, State{Zone: f.Zone})
		}
		list[len(list)-1].join(f)
	}
	return list
}
