package fis

import (
	"time"

	api "pileus/api/fis"
	"pileus/store"
)

// Rewind has an experiment's running actions be as they are just before they
// act: what a crash leaves.
func Rewind(tx store.Tx, id string) {
	for e := range experiments.Scan(tx) {
		if e.ID != id {
			continue
		}
		for name, a := range e.Actions {
			a.State = &api.ExperimentActionState{Status: new(api.ExperimentActionStatusInitiating), Reason: new("Action is initiating.")}
			e.Actions[name] = a
		}
		experiments.Put(tx, e)
		tx.After(time.Time{}, experimentController, e.key())
	}
}
