package main

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"pileus/clock"
)

// disks measures volumes and their snapshots, on an instance that uses them.
func (r *region) disks(ctx context.Context) error {
	g, err := r.login(ctx, "disks")
	if err != nil {
		return err
	}
	defer g.shell.Close()
	var times []float64
	var volume string
	for _, device := range []string{"/dev/sdf", "/dev/sdg", "/dev/sdh", "/dev/sdi", "/dev/sdj"} {
		watch := clock.Start()
		if volume, err = r.attached(ctx, g, device, nil); err != nil {
			return err
		}
		times = append(times, ms(watch.Elapsed()))
	}
	r.rep.figure("pileus", "a volume of 10 GiB: CreateVolume to attached", median(times), "ms")
	return r.snapshots(ctx, g, volume)
}

// attached makes a volume of 10 GiB, as plain as change leaves it, and attaches
// it.
func (r *region) attached(ctx context.Context, g *guest, device string, change func(*ec2.CreateVolumeInput)) (string, error) {
	in := &ec2.CreateVolumeInput{AvailabilityZone: g.zone, Size: aws.Int32(10), VolumeType: types.VolumeTypeGp3}
	if change != nil {
		change(in)
	}
	v, err := r.CreateVolume(ctx, in)
	if err != nil {
		return "", err
	}
	is := func(is func(types.Volume) bool) error {
		return until(ctx, time.Millisecond, func() (bool, error) {
			out, err := r.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{VolumeIds: []string{*v.VolumeId}})
			return err == nil && is(out.Volumes[0]), err
		})
	}
	if err := is(func(v types.Volume) bool { return v.State == types.VolumeStateAvailable }); err != nil {
		return "", err
	}
	if _, err := r.AttachVolume(ctx, &ec2.AttachVolumeInput{VolumeId: v.VolumeId, InstanceId: &g.id, Device: &device}); err != nil {
		return "", err
	}
	return *v.VolumeId, is(func(v types.Volume) bool {
		return len(v.Attachments) == 1 && v.Attachments[0].State == types.VolumeAttachmentStateAttached
	})
}

// snapshots measures a first snapshot of 1 GiB and one after a change. The data
// cannot be compressed.
func (r *region) snapshots(ctx context.Context, g *guest, volume string) error {
	for _, s := range []struct{ fill, name string }{
		{"sudo dd if=/dev/urandom of=/dev/sdj bs=1M count=1024 && sync", "the first snapshot, of 1 GiB: CreateSnapshot to completed"},
		{"sudo dd if=/dev/urandom of=/dev/sdj bs=1M count=10 && sync", "the second, after 10 MiB of change"},
	} {
		if err := g.do(s.fill); err != nil {
			return err
		}
		watch := clock.Start()
		made, err := r.CreateSnapshot(ctx, &ec2.CreateSnapshotInput{VolumeId: &volume})
		if err != nil {
			return err
		}
		err = until(ctx, time.Millisecond, func() (bool, error) {
			out, err := r.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{SnapshotIds: []string{*made.SnapshotId}})
			return err == nil && out.Snapshots[0].State == types.SnapshotStateCompleted, err
		})
		if err != nil {
			return err
		}
		r.rep.figure("pileus", s.name, ms(watch.Elapsed()), "ms")
	}
	took, err := r.written(1 << 30)
	r.rep.figure("disk", "a file of 1 GiB on the same disk, written and synced", ms(took), "ms")
	return err
}

// written is what the disk under the cloud needs for so many bytes.
func (r *region) written(n int) (time.Duration, error) {
	block := make([]byte, 1<<20)
	if _, err := rand.Read(block); err != nil {
		return 0, err
	}
	f, err := os.Create(filepath.Join(r.cloud.dir, "disk"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	watch := clock.Start()
	for range n / len(block) {
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
	}
	err = f.Sync()
	return watch.Elapsed(), err
}
