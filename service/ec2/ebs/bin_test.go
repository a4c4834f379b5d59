package ebs

import (
	"time"

	"pileus/store"
)

// toBin puts a snapshot into the Recycle Bin for a day, without a rule.
func (x *stage) toBin(id string) {
	x.T.Helper()
	x.Update(func(tx store.Tx) {
		must(x.T, changeSnapshot(x.Call(), tx, id, func(s *Snapshot) error {
			s.Bin = &Bin{Entered: x.Now(), Exit: x.Now().Add(24 * time.Hour)}
			return nil
		}))
	})
}
