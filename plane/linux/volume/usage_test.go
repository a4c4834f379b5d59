//go:build linux

package volume

import (
	"testing"
	"time"

	"pileus/plane"
)

func TestDiskstats(t *testing.T) {
	const text = `   8       0 sda 5 0 40 1 6 0 48 2 0 3 3
   7       3 loop3 100 2 800 30 50 1 1600 70 1 90 100 0 0 0 0 0 0
   7       4 loop4 damaged
`
	got := diskstats(text)
	want := plane.VolumeUsage{ReadOps: 100, ReadBytes: 800 * 512, ReadTime: 30 * time.Millisecond,
		WriteOps: 50, Written: 1600 * 512, WriteTime: 70 * time.Millisecond, Busy: 90 * time.Millisecond, Queued: 100 * time.Millisecond}
	if len(got) != 1 || got[3] != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
