package ebs

import (
	"testing"
	"time"

	"pileus/cloud"
	"pileus/plane"
)

func TestMetricsOfVolumes(t *testing.T) {
	v := &Volume{Account: "000000000000", Region: "us-east-1", ID: "vol-1"}
	before := plane.VolumeUsage{ReadOps: 100, WriteOps: 7, ReadBytes: 1 << 20, ReadTime: time.Second}
	after := plane.VolumeUsage{ReadOps: 110, WriteOps: 7, ReadBytes: 1<<20 + 40_960, ReadTime: time.Second + 50*time.Millisecond, Busy: 15 * time.Second, Queued: 30 * time.Second}
	got := map[string]cloud.Metric{}
	v.publish(before, after, time.Minute, func(m cloud.Metric) bool { got[m.Name] = m; return true })
	for name, want := range map[string]struct {
		value, count float64
		unit         string
	}{
		"VolumeReadOps": {10, 0, "Count"}, "VolumeWriteOps": {0, 0, "Count"}, "VolumeReadBytes": {4096, 10, "Bytes"}, "VolumeWriteBytes": {0, 0, "Bytes"},
		"VolumeTotalReadTime": {0.005, 10, "Seconds"}, "VolumeTotalWriteTime": {0, 0, "Seconds"}, "VolumeIdleTime": {45, 0, "Seconds"}, "VolumeQueueLength": {0.5, 0, "Count"},
	} {
		m, ok := got[name]
		if !ok || m.Unit != want.unit || m.Values[0] != want.value || want.count > 0 && m.Counts[0] != want.count {
			t.Errorf("%s is %+v, want %+v", name, m, want)
		}
	}
	got = map[string]cloud.Metric{}
	v.publish(before, after, 0, func(m cloud.Metric) bool { got[m.Name] = m; return false })
	if len(got) != 1 {
		t.Errorf("goes on after it was told to stop: %v", got)
	}
}
