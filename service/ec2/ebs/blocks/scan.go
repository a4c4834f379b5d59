package blocks

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"slices"
	"sort"
	"sync/atomic"

	"github.com/zeebo/xxh3"

	"pileus/plane"
)

// scan hands out the blocks of a volume that may hold data.
type scan struct {
	volume plane.VolumeContent
	runs   []run
	all    int64 // blocks in them
	base   []entry
	next   atomic.Int64 // number of the next block, counted over all runs
}

// run is a span of block indexes; before is how many blocks come before it in
// other runs.
type run struct{ first, count, before int64 }

func newScan(v plane.VolumeContent, extents []plane.Extent, base []entry) *scan {
	s := &scan{volume: v, base: base}
	end := int64(0) // index after the last run
	for _, e := range extents {
		first, last := e.Offset/Size, (e.Offset+e.Length+Size-1)/Size
		if first = max(first, end); first >= last {
			continue // extents that share a block
		}
		s.runs = append(s.runs, run{first, last - first, s.all})
		s.all += last - first
		end = last
	}
	return s
}

// stretch is how many blocks one worker takes at a time, to read in order.
const stretch = 16

// claim takes the next blocks; none at the end.
func (s *scan) claim() (from, to int64) {
	from = s.next.Add(stretch) - stretch
	return min(from, s.all), min(from+stretch, s.all)
}

// index is the volume's index of the n-th block.
func (s *scan) index(n int64) int64 {
	i := sort.Search(len(s.runs), func(i int) bool { return s.runs[i].before > n }) - 1
	return s.runs[i].first + n - s.runs[i].before
}

// before is the block's entry in the content that this is compared with.
func (s *scan) before(index int64) (entry, bool) {
	i, ok := slices.BinarySearchFunc(s.base, index, func(e entry, n int64) int { return cmp.Compare(e.Index, n) })
	if !ok {
		return entry{}, false
	}
	return s.base[i], true
}

var zeros [Size]byte

// read reads a block into buf; false for one of zeros.
func (s *scan) read(index int64, buf []byte) (data bool, err error) {
	n, err := s.volume.ReadAt(buf, index*Size)
	if n == 0 && errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	clear(buf[n:])
	return !bytes.Equal(buf, zeros[:]), nil
}

func fingerprint(b []byte) [16]byte { return xxh3.Hash128(b).Bytes() }

func sortEntries(list []entry) []entry {
	slices.SortFunc(list, func(a, b entry) int { return cmp.Compare(a.Index, b.Index) })
	return list
}
