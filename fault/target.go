package fault

import (
	"time"

	"pileus/store"
)

// Paused is a volume whose I/O an experiment holds.
type Paused struct {
	Account, Region, Volume string
	Cause                   string // the experiment's action
}

// Pauses by volume and cause.
var Pauses = &store.Table[Paused]{
	Name: "fault.paused",
	Key:  func(p *Paused) store.Key { return store.K(p.Account, p.Region, p.Volume, p.Cause) },
}

// VolumeController is the controller that makes the data plane follow Pauses,
// by account, region and id of a volume.
const VolumeController = "ebs.volume"

// Pause holds a volume's I/O, or lets it go on.
func Pause(tx store.Tx, p *Paused, hold bool) {
	if hold {
		Pauses.Put(tx, p)
	} else {
		Pauses.Delete(tx, p.Account, p.Region, p.Volume, p.Cause)
	}
	tx.After(time.Time{}, VolumeController, store.K(p.Account, p.Region, p.Volume))
}

// IsPaused tells whether a volume's I/O is held.
func IsPaused(r store.Reader, account, region, volume string) bool {
	for range Pauses.Scan(r, account, region, volume) {
		return true
	}
	return false
}

// SpotController is the controller that takes spot instances back for
// experiments, by account, region and id of an instance and what is to happen:
// RecommendSpot or InterruptSpot.
const SpotController = "ec2.spot.experiment"

// What happens to a spot instance: it is told to rebalance, or gets its notice,
// two minutes before it is interrupted.
const (
	RecommendSpot = "recommend"
	InterruptSpot = "interrupt"
)

// SpotKey is a key of SpotController.
func SpotKey(account, region, instance, act string) store.Key {
	return store.K(account, region, instance, act)
}
