package ebs

import (
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/resource"
)

// kind is a volume type with its limits.
// https://docs.aws.amazon.com/ebs/latest/userguide/ebs-volume-types.html
type kind struct {
	name              string
	minSize, maxSize  int32 // GiB
	iops              bool  // IOPS are chosen; else they follow from the size
	needsIOPS         bool
	minIOPS, maxIOPS  int32
	ratio             int32 // IOPS for each GiB at most
	defaultIOPS       int32
	defaultThroughput int32 // MiB/s; 0 where it cannot be chosen
	maxThroughput     int32
	multiAttach       bool
	perGiB            func(gib int32) (iops int32)                  // of types without a choice; nil: none to show
	bandwidth         func(gib, iops, throughput int32) (mib int32) // what LimitVolume gets
}

var kinds = []kind{
	{
		name: "gp2", minSize: 1, maxSize: 16384,
		perGiB:    func(gib int32) int32 { return min(max(3*gib, 100), 16000) },
		bandwidth: func(gib, _, _ int32) int32 { return gp2Bandwidth(gib) },
	},
	{
		name: "gp3", minSize: 1, maxSize: 65536, iops: true, minIOPS: 3000, maxIOPS: 80000, ratio: 500, defaultIOPS: 3000,
		defaultThroughput: 125, maxThroughput: 2000,
		bandwidth: func(_, _, throughput int32) int32 { return throughput },
	},
	{
		name: "io1", minSize: 4, maxSize: 16384, iops: true, needsIOPS: true, minIOPS: 100, maxIOPS: 64000, ratio: 50, multiAttach: true,
		bandwidth: func(_, iops, _ int32) int32 { return min(max(iops/4, 1), 1000) },
	},
	{
		name: "io2", minSize: 4, maxSize: 65536, iops: true, needsIOPS: true, minIOPS: 100, maxIOPS: 256000, ratio: 1000, multiAttach: true,
		bandwidth: func(_, iops, _ int32) int32 { return min(max(iops/4, 1), 4000) },
	},
	{
		name: "st1", minSize: 125, maxSize: 16384,
		bandwidth: func(gib, _, _ int32) int32 { return min(max(gib*250/1024, 1), 500) },
	},
	{
		name: "sc1", minSize: 125, maxSize: 16384,
		bandwidth: func(gib, _, _ int32) int32 { return min(max(gib*80/1024, 1), 250) },
	},
	{
		name: "standard", minSize: 1, maxSize: 1024,
		bandwidth: func(_, _, _ int32) int32 { return 90 },
	},
}

// gp2Bandwidth is 128 MiB/s for small volumes and 250 from 334 GiB on.
func gp2Bandwidth(gib int32) int32 {
	switch {
	case gib <= 170:
		return 128
	case gib < 334:
		return min(gib*3/4, 250)
	}
	return 250
}

func findKind(name string) (*kind, error) {
	for i := range kinds {
		if kinds[i].name == name {
			return &kinds[i], nil
		}
	}
	return nil, resource.Errorf("InvalidParameterValue", "The volume type '%s' is not supported.", name)
}

// shape is what a type's limits are about.
type shape struct {
	Size, IOPS, Throughput int32
	MultiAttach            bool
}

// asked are the parameters of a request; nil where it says nothing.
type asked struct {
	iops, throughput *int32
	multiAttach      *bool
}

// check works out the shape of a volume, or says what is wrong with it.
func (k *kind) check(size int32, a asked) (shape, error) {
	s := shape{Size: size, IOPS: k.defaultIOPS, Throughput: k.defaultThroughput, MultiAttach: cloud.Or(a.multiAttach, false)}
	if size < k.minSize {
		return s, resource.Errorf("InvalidParameterValue", "Volume of %dGiB is too small; minimum is %dGiB.", size, k.minSize)
	}
	if size > k.maxSize {
		return s, resource.Errorf("InvalidParameterValue", "Volume of %dGiB is too large; maximum is %dGiB.", size, k.maxSize)
	}
	if s.MultiAttach && !k.multiAttach {
		return s, resource.Errorf("InvalidParameterCombination", "Multi-Attach is not supported for %s volumes.", k.name)
	}
	if err := k.checkIOPS(&s, a.iops); err != nil {
		return s, err
	}
	return s, k.checkThroughput(&s, a.throughput)
}

func (k *kind) checkIOPS(s *shape, iops *int32) error {
	switch {
	case iops == nil && k.needsIOPS:
		return resource.Missing("iops")
	case iops == nil:
		if k.perGiB != nil {
			s.IOPS = k.perGiB(s.Size)
		}
		return nil
	case !k.iops:
		return resource.Combination("The parameter iops is not supported for %s volumes.", k.name)
	}
	s.IOPS = *iops
	ratio := float64(s.IOPS) / float64(s.Size)
	switch {
	case s.IOPS < k.minIOPS:
		return resource.Errorf("InvalidParameterValue", "Volume iops of %d is too low; minimum is %d.", s.IOPS, k.minIOPS)
	case k.name == "io2" && (s.IOPS > k.maxIOPS || ratio > float64(k.ratio)):
		return resource.Combination("io2 volumes configured with greater than 64 TiB or 256K IOPS or 1000:1 IOPS:GB ratio are not supported.")
	case s.IOPS > k.maxIOPS:
		return resource.Errorf("InvalidParameterValue", "Volume iops of %d is too high; maximum is %d.", s.IOPS, k.maxIOPS)
	case s.IOPS > k.minIOPS && ratio > float64(k.ratio): // the least is for any size
		return resource.Errorf("InvalidParameterValue", "Iops to volume size ratio of %f is too high; maximum is %d", ratio, k.ratio)
	}
	return nil
}

func (k *kind) checkThroughput(s *shape, throughput *int32) error {
	if throughput == nil {
		return nil
	}
	if k.maxThroughput == 0 {
		return resource.Combination("The parameter throughput is not supported for %s volumes.", k.name)
	}
	s.Throughput = *throughput
	switch {
	case s.Throughput < k.defaultThroughput:
		return resource.Errorf("InvalidParameterValue", "Volume throughput of %d is too low; minimum is %d.", s.Throughput, k.defaultThroughput)
	case s.Throughput > k.maxThroughput:
		return resource.Errorf("InvalidParameterValue", "Volume throughput of %d is too high; maximum is %d.", s.Throughput, k.maxThroughput)
	case s.Throughput*4 > s.IOPS:
		return resource.Errorf("InvalidParameterValue", "Throughput (MiBps) to iops ratio of %f is too high; maximum is 0.250000 MiBps per iops.", float64(s.Throughput)/float64(s.IOPS))
	}
	return nil
}

// limits are what the kernel is asked to hold a volume to, but for what types
// may do beyond their baseline (see allowance). Types that promise bandwidth alone
// are bounded by it; small reads and writes then cost what they cost.
func (k *kind) limits(s shape) plane.VolumeLimits {
	return plane.VolumeLimits{IOPS: int(s.IOPS), BytesPerSecond: int64(k.bandwidth(s.Size, s.IOPS, s.Throughput)) << 20}
}
