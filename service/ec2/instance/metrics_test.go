package instance_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/plane/sim"
)

// working is a plane whose machines have used what a test says.
type working struct {
	*sim.Plane
	usage plane.Usage
	net   plane.Counters
	disk  plane.VolumeUsage
}

func (p *working) Sample(ctx context.Context, id string) (plane.Usage, error) {
	if _, err := p.Plane.Sample(ctx, id); err != nil {
		return plane.Usage{}, err
	}
	return p.usage, nil
}

func (p *working) Traffic(ctx context.Context, vpc string) (map[string]plane.Counters, error) {
	all, err := p.Plane.Traffic(ctx, vpc)
	for id := range all {
		all[id] = p.net
	}
	return all, err
}

func (p *working) VolumeUsage(ctx context.Context) (map[string]plane.VolumeUsage, error) {
	list, err := p.Volumes(ctx)
	all := map[string]plane.VolumeUsage{}
	for _, v := range list {
		all[v.ID] = p.disk
	}
	return all, err
}

// measured is what a cloud publishes of EC2 now, by name and dimensions.
func measured(w *nodetest.World) map[string][]float64 {
	all := map[string][]float64{}
	for m := range w.Gate().Measure(w.Call()) {
		key := m.Name
		for _, d := range m.Dimensions {
			key += " " + d.Name + "=" + d.Value
		}
		all[key] = append(all[key], m.Values...)
	}
	return all
}

func TestMetricsOfInstances(t *testing.T) {
	p := &working{Plane: sim.New(t.TempDir())}
	w := newWorldOver(t, p.Plane, p)
	fine := *w.run(1, func(in *api.RunInstancesInput) { in.Monitoring = &api.RunInstancesMonitoringEnabled{Enabled: true} })[0].InstanceId
	coarse := *w.run(1)[0].InstanceId
	used := func(minutes uint64) {
		p.usage = plane.Usage{CPU: time.Duration(minutes) * 30 * time.Second}
		p.net = plane.Counters{BytesIn: minutes * 600, BytesOut: minutes * 60, PacketsIn: minutes * 6, PacketsOut: minutes}
		p.disk = plane.VolumeUsage{Device: "/dev/loop1", ReadOps: 10 * minutes, WriteOps: 20 * minutes, ReadBytes: 4096 * minutes, Written: 8192 * minutes}
	}
	expect := func(got map[string][]float64, key string, want ...float64) {
		t.Helper()
		if fmt.Sprint(got[key]) != fmt.Sprint(want) {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	used(0)
	for minute := uint64(1); minute <= 5; minute++ {
		w.Advance(time.Minute)
		used(minute)
		got := measured(w.World)
		expect(got, "CPUUtilization InstanceId="+fine, 25) // half a minute of two processors
		expect(got, "CPUUtilization InstanceType=t3.micro", 25)
		expect(got, "NetworkIn InstanceId="+fine, 600)
		expect(got, "StatusCheckFailed InstanceId="+coarse, 0)
		if minute < 5 {
			expect(got, "NetworkIn InstanceId="+coarse)
			continue
		}
		expect(got, "NetworkIn InstanceId="+coarse, 3000)
		expect(got, "NetworkPacketsOut InstanceId="+coarse, 5)
		expect(got, "CPUUtilization InstanceId="+coarse, 25)
		expect(got, "EBSWriteOps InstanceId="+coarse, 100-20) // what passed before the first look is not known
		expect(got, "DiskReadOps InstanceId="+coarse, 0)
		expect(got, "NetworkIn ImageId="+image(), 600)
	}
	nodetest.Do(w.World, &api.StopInstances, &api.StopInstancesInput{InstanceIds: []string{fine}})
	w.Drain()
	w.Advance(time.Minute)
	expect(measured(w.World), "StatusCheckFailed InstanceId="+fine)
}

// Sampling a thousand instances is to be cheap.
func BenchmarkMetricsOfThousand(b *testing.B) {
	w := newWorld(b)
	for range 50 {
		w.run(20, func(in *api.RunInstancesInput) { in.Monitoring = &api.RunInstancesMonitoringEnabled{Enabled: true} })
	}
	b.ResetTimer()
	n := 0
	for b.Loop() {
		n = 0
		for range w.Gate().Measure(w.Call()) {
			n++
		}
		w.Advance(time.Minute)
	}
	b.ReportMetric(float64(n), "points")
}
