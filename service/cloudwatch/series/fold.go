package series

import (
	"bytes"
	"time"

	"pileus/store"
)

// block gathers the rows of a block of time.
type block struct {
	rows  [][]byte // keys
	loose bool     // some were not made by Fold
	m     merger
}

// Fold makes one row of each past block of a metric, moves what is too old for
// its tier to the next, and drops what is too old for all. It says whether
// anything is left.
func Fold(tx store.Tx, id ID, now time.Time) (left bool, err error) {
	for level := range tiers {
		some, err := foldTier(tx, id, level, now.Unix())
		if err != nil {
			return false, err
		}
		left = left || some
	}
	return left, nil
}

func foldTier(tx store.Tx, id ID, level int, now int64) (left bool, err error) {
	t := tiers[level]
	blocks := map[int64]*block{}
	for k, v := range tx.Scan(store.Range{From: rowKey(id, level, -1<<62, 0), To: rowKey(id, level, 1<<62, 0)}) {
		base, seq := splitKey(k)
		at := floor(base, t.block)
		if at+t.block > now { // not past
			left = true
			continue
		}
		b := blocks[at]
		if b == nil {
			b = &block{}
			blocks[at] = b
		}
		b.rows = append(b.rows, bytes.Clone(k))
		b.loose = b.loose || seq != 0
		if err := parsePoints(v, base, true, func(p *Point) { b.m.add(p.Time, p.Unit, &p.Set) }); err != nil {
			return false, err
		}
	}
	for at, b := range blocks {
		old := now-(at+t.block) >= t.keep
		left = left || !old || level+1 < len(tiers)
		if !old && !b.loose {
			continue
		}
		for _, k := range b.rows {
			tx.Delete(k)
		}
		switch {
		case !old:
			tx.Put(rowKey(id, level, at, 0), appendPoints(nil, at, b.m.sorted()))
		case level+1 < len(tiers):
			// The sequence is the block's own time: it is unlike that of any
			// other block, and of what publishers choose at random.
			write(tx, id, level+1, func(int64) uint64 { return uint64(at) }, b.m.sorted())
		}
	}
	return left, nil
}
