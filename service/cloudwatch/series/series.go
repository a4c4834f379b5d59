// Package series keeps the data points of metrics in the store.
//
// A row holds the points of one metric in one tier of resolution that begin in
// one block of time. Writing is blind: each write adds rows of its own, so that
// publishers of the same metric never meet, and who reads joins what belongs
// together, since statistic sets can be added in any order. Fold makes one row
// of each past block and moves points to coarser tiers as they age. What a
// query can see follows from the clock alone, whether Fold has run or not.
package series

import (
	"encoding/binary"
	"time"

	"pileus/store"
)

// ID names a metric's rows.
type ID [16]byte

// Tier is a resolution and how long it is kept.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html
type tier struct {
	resolution int64 // seconds
	keep       int64 // seconds
	block      int64 // seconds of a folded row
}

const (
	hour = 3600
	day  = 24 * hour
)

var tiers = [...]tier{
	{1, 3 * hour, hour / 6},
	{60, 15 * day, 6 * hour},
	{300, 63 * day, day},
	{hour, 455 * day, 7 * day},
}

const table = "cloudwatch.data/"

// rowKey is where points of a tier from time at on lie. Rows that Fold made
// have seq 0.
func rowKey(id ID, tier int, at int64, seq uint64) []byte {
	b := make([]byte, 0, len(table)+33)
	b = append(append(b, table...), id[:]...)
	b = append(b, byte(tier))
	b = binary.BigEndian.AppendUint64(b, uint64(at)^(1<<63))
	return binary.BigEndian.AppendUint64(b, seq)
}

// splitKey is the time and sequence of a row.
func splitKey(k []byte) (at int64, seq uint64) {
	return int64(binary.BigEndian.Uint64(k[len(k)-16:]) ^ (1 << 63)), binary.BigEndian.Uint64(k[len(k)-8:])
}

func floor(t, step int64) int64 {
	if m := t % step; m >= 0 {
		return t - m
	} else {
		return t - m - step
	}
}

// Write adds points to a metric, whose resolution is a second where fine, and
// else a minute. seq is not 0 and tells this write from all others.
func Write(tx store.Tx, id ID, fine bool, seq uint64, points []Point) {
	level := 1
	if fine {
		level = 0
	}
	write(tx, id, level, func(int64) uint64 { return seq }, points)
}

func write(tx store.Tx, id ID, level int, seq func(block int64) uint64, points []Point) {
	t := tiers[level]
	if len(points) == 1 { // nearly always
		at := floor(points[0].Time, t.resolution)
		points[0].Time = at
		tx.Put(rowKey(id, level, at, seq(at)), appendPoints(nil, at, points))
		return
	}
	blocks := map[int64]*merger{}
	for i := range points {
		p := &points[i]
		at := floor(p.Time, t.block)
		if blocks[at] == nil {
			blocks[at] = &merger{}
		}
		blocks[at].add(floor(p.Time, t.resolution), p.Unit, &p.Set)
	}
	for at, m := range blocks {
		tx.Put(rowKey(id, level, at, seq(at)), appendPoints(nil, at, m.sorted()))
	}
}

// effective is the resolution in which a point of a tier can be seen, given its
// age in seconds; 0 when it is too old for any.
func effective(level int, age int64) int64 {
	for _, t := range tiers[level:] {
		if age < t.keep {
			return t.resolution
		}
	}
	return 0
}

// Kept is for how many seconds points can be seen in periods of so many seconds.
func Kept(period int64) (keep int64) {
	for _, t := range tiers {
		if t.resolution <= period {
			keep = max(keep, t.keep)
		}
	}
	return keep
}

// Query asks for a metric's points from From until before To, in periods.
type Query struct {
	Now      time.Time
	From, To int64 // seconds since 1970
	Period   int64 // seconds
	Anchor   int64 // where a period begins
	Unit     string
	// AnyUnit joins what was published in different units; the points say the
	// unit of one.
	AnyUnit bool
	// Full asks for distributions, which percentiles need.
	Full bool
}

// Read answers a query, in order of time.
func Read(r store.Reader, id ID, q Query) (points []Point, err error) {
	var m merger
	now := q.Now.Unix()
	for level, t := range tiers {
		from := rowKey(id, level, floor(q.From, t.block), 0)
		for k, b := range r.Scan(store.Range{From: from, To: rowKey(id, level, q.To, 0)}) {
			base, _ := splitKey(k)
			err = parsePoints(b, base, q.Full, func(p *Point) {
				res := effective(level, now-p.Time)
				if res == 0 || res > q.Period || q.Unit != "" && p.Unit != q.Unit {
					return
				}
				at := floor(p.Time, res)
				if at < q.From || at >= q.To {
					return
				}
				unit := p.Unit
				if q.AnyUnit {
					unit = ""
				}
				m.add(floor(at-q.Anchor, q.Period)+q.Anchor, unit, &p.Set)
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return m.sorted(), nil
}
