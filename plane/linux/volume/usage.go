//go:build linux

package volume

import (
	"context"
	"os"
	"strconv"
	"strings"
	"time"

	"pileus/plane"
)

// VolumeUsage implements plane.Volumes, from the kernel's counters of block
// devices.
func (s *Store) VolumeUsage(context.Context) (map[string]plane.VolumeUsage, error) {
	devices, err := s.devices()
	if err != nil || len(devices) == 0 {
		return nil, err
	}
	b, err := os.ReadFile("/proc/diskstats")
	if err != nil {
		return nil, err
	}
	counters := diskstats(string(b))
	all := make(map[string]plane.VolumeUsage, len(devices))
	for id, d := range devices {
		if u, ok := counters[d]; ok {
			u.Device = d.node()
			all[id] = u
		}
	}
	return all, nil
}

// sector is the unit of the kernel's counters, whatever the device's own.
const sector = 512

// diskstats reads the counters of loop devices.
// https://docs.kernel.org/admin-guide/iostats.html
func diskstats(text string) map[loop]plane.VolumeUsage {
	all := map[loop]plane.VolumeUsage{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 14 || f[0] != strconv.Itoa(loopMajor) {
			continue
		}
		number, err := strconv.Atoi(f[1])
		if err != nil {
			continue
		}
		at := func(i int) uint64 { n, _ := strconv.ParseUint(f[2+i], 10, 64); return n }
		ms := func(i int) time.Duration { return time.Duration(at(i)) * time.Millisecond }
		all[loop(number)] = plane.VolumeUsage{
			ReadOps: at(1), ReadBytes: at(3) * sector, ReadTime: ms(4),
			WriteOps: at(5), Written: at(7) * sector, WriteTime: ms(8),
			Busy: ms(10), Queued: ms(11),
		}
	}
	return all
}
