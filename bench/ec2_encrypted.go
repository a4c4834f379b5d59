package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"pileus/clock"
)

// encryptedRounds is how often a plain and an encrypted volume are used in turn.
const encryptedRounds = 7

// encrypted measures encrypted volumes beside plain ones, on an instance that
// writes to them and reads from them.
func (r *region) encrypted(ctx context.Context) error {
	g, err := r.login(ctx, "encrypted")
	if err != nil {
		return err
	}
	defer g.shell.Close()
	var times []float64
	for i, device := range []string{"/dev/sdf", "/dev/sdg", "/dev/sdh", "/dev/sdi", "/dev/sdj"} {
		watch := clock.Start()
		_, err := r.attached(ctx, g, device, func(in *ec2.CreateVolumeInput) {
			in.Encrypted, in.Iops, in.Throughput = aws.Bool(i > 0), aws.Int32(4000), aws.Int32(1000)
		})
		if err != nil {
			return err
		}
		if i > 0 {
			times = append(times, ms(watch.Elapsed()))
		}
	}
	r.rep.figure("pileus", "an encrypted volume of 10 GiB: CreateVolume to attached", median(times), "ms")
	kinds := []struct{ name, folder string }{{"plain", "sdf"}, {"encrypted", "sdg"}}
	for _, k := range kinds {
		if err := g.do(fmt.Sprintf("sudo mkfs.ext4 -q /dev/%[1]s && sudo mkdir -p /%[1]s && sudo mount /dev/%[1]s /%[1]s", k.folder)); err != nil {
			return err
		}
	}
	writes, reads := map[string][]float64{}, map[string][]float64{}
	for range encryptedRounds {
		for _, k := range kinds {
			watch := clock.Start()
			if err := g.do(fmt.Sprintf("sudo dd if=/dev/zero of=/%s/file bs=1M count=512 conv=fsync", k.folder)); err != nil {
				return err
			}
			writes[k.name] = append(writes[k.name], 512/watch.Elapsed().Seconds())
			if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0); err != nil { // the instance's, and what is below it
				return err
			}
			watch = clock.Start()
			if err := g.do(fmt.Sprintf("sudo dd if=/%s/file of=/dev/null bs=1M", k.folder)); err != nil {
				return err
			}
			reads[k.name] = append(reads[k.name], 512/watch.Elapsed().Seconds())
		}
	}
	for _, what := range []struct {
		name  string
		times map[string][]float64
	}{{"written and synced", writes}, {"read, nothing of it cached", reads}} {
		for _, k := range kinds {
			r.rep.figure("pileus", "512 MiB on a volume that is "+k.name+": "+what.name, median(what.times[k.name]), "MiB/s")
		}
		r.rep.figure("pileus", "encrypted to plain, "+what.name, median(what.times["encrypted"])/median(what.times["plain"]), "")
	}
	return nil
}
