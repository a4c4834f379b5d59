package ebs

import (
	"context"
	"math"
	"testing"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/plane/planetest"
	"pileus/plane/sim"
	"pileus/service/ec2/resource"
	"pileus/store"
)

func TestBuckets(t *testing.T) {
	const mib, gib = 1 << 20, 1 << 30
	for _, row := range []struct {
		kind string
		size int32
		want allowance
	}{
		{"gp2", 8, allowance{5_400_000, 100, 3000, false}},
		{"gp2", 500, allowance{5_400_000, 1500, 3000, false}},
		{"gp2", 2000, allowance{5_400_000, 6000, 6000, false}},
		{"st1", 1024, allowance{1024 * gib, 40 * mib, 250 * mib, true}},
		{"st1", 16384, allowance{16384 * gib, 500 * mib, 500 * mib, true}},
		{"sc1", 2048, allowance{2048 * gib, 24 * mib, 160 * mib, true}},
	} {
		if got := allowanceOf(row.kind, row.size); *got != row.want {
			t.Errorf("%s of %d GiB: %+v, want %+v", row.kind, row.size, *got, row.want)
		}
	}
	if allowanceOf("gp3", 100) != nil {
		t.Error("gp3 has a bucket")
	}
}

// burning is a plane that says what volumes have carried, and keeps their limits.
type burning struct {
	*sim.Plane
	usage  map[string]plane.VolumeUsage
	limits map[string]plane.VolumeLimits
}

func (b *burning) VolumeUsage(context.Context) (map[string]plane.VolumeUsage, error) {
	out := map[string]plane.VolumeUsage{}
	for id, u := range b.usage {
		out[id] = u
	}
	return out, nil
}

func (b *burning) LimitVolume(_ context.Context, id string, l plane.VolumeLimits) error {
	b.limits[id] = l
	return nil
}

// TestBurstBalance: a gp2 volume spends its credits, is held to its baseline
// when they are gone, and bursts again when some have come back.
func TestBurstBalance(t *testing.T) {
	p := &burning{sim.New(t.TempDir()), map[string]plane.VolumeUsage{}, map[string]plane.VolumeLimits{}}
	p.SealWith(planetest.MasterKey)
	x := &stage{plane: p.Plane, instances: map[string]Instance{}}
	x.room = New(p)
	x.room.Instances = func(_ *cloud.Call, _ store.Reader, id string) (Instance, error) { return x.instances[id], nil }
	x.World = nodetest.With(t, func(node.Parts) []cloud.Module { return []cloud.Module{resource.Module(x.room.Room())} })
	i := x.instance(1, "running")
	v := *nodetest.Do(x.World, &api.CreateVolume, &api.CreateVolumeInput{AvailabilityZone: new(zone), VolumeType: new("gp2"), Size: new(int32(10))}).VolumeId
	x.Drain()
	nodetest.Do(x.World, &api.AttachVolume, &api.AttachVolumeInput{VolumeId: v, InstanceId: i, Device: "/dev/sdf"})
	x.Drain()
	publish := (&publisher{room: x.room}).metrics
	minute := func(ops uint64) (balance float64) {
		t.Helper()
		x.Advance(time.Minute)
		u := p.usage[v]
		u.ReadOps += ops
		p.usage[v] = u
		balance = -1
		for m := range publish(x.Call()) {
			if m.Name == "BurstBalance" && m.Dimensions[0].Value == v {
				balance = m.Values[0]
			}
		}
		x.Drain()
		return balance
	}
	minute(0)
	const all, burst, baseline = gp2Credits, 60 * 3000, 60 * 100
	for _, row := range []struct {
		what    string
		ops     uint64
		balance float64
		iops    int
	}{
		{"at rest", 0, 100, 3000},
		{"at its baseline", baseline, 100, 3000},
		{"bursting", burst, 100 * (1 - float64(burst-baseline)/all), 3000},
		{"filled up by a part", 0, 100 * (1 - float64(burst-2*baseline)/all), 3000},
		{"all spent", all, 0, 100},
		{"held to its baseline", baseline, 0, 100},
	} {
		if got := minute(row.ops); math.Abs(got-row.balance) > 1e-9 || p.limits[v].IOPS != row.iops {
			t.Errorf("%s: the balance is %v and the limit %d, want %v and %d", row.what, got, p.limits[v].IOPS, row.balance, row.iops)
		}
	}
	x.Advance(burst / baseline * time.Minute)
	if got := minute(0); got < 3 || p.limits[v].IOPS != 3000 {
		t.Errorf("after half an hour's rest: %v, the limit is %d", got, p.limits[v].IOPS)
	}
	x.Advance(24 * time.Hour)
	if got := minute(0); got != 100 {
		t.Errorf("after a day's rest: %v", got)
	}
}
