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

// binnedVolume is a volume in the Recycle Bin, without a rule.
func (x *stage) binnedVolume() string {
	x.T.Helper()
	id := x.volume(1)
	x.Update(func(tx store.Tx) {
		must(x.T, change(x.Call(), tx, id, func(v *Volume) error {
			v.Bin = &Bin{Entered: x.Now(), Exit: x.Now().Add(24 * time.Hour)}
			return nil
		}))
	})
	return id
}
