package blocks

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	api "pileus/api/ec2"
	"pileus/clock"
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/plane/linux/volume"
)

// BenchmarkSnapshots takes a volume with 1 GiB of data, and again after
// 10 MiB of it have changed. Beside each is what the disk needs to write the
// same bytes, measured in the same run.
//
//	go test ./service/ec2/ebs/blocks -run xxx -bench Snapshots -benchtime 1x
func BenchmarkSnapshots(b *testing.B) {
	const data = 1 << 30
	w := nodetest.Start(b, node.Options{DataDir: b.TempDir(), Seed: 1, Log: slog.New(slog.DiscardHandler), Modules: func(node.Parts) []cloud.Module {
		return []cloud.Module{{API: &api.Service, Controllers: []cloud.Controller{{Name: Compactor, Reconcile: Compact}}}}
	}})
	v, err := volume.Open(volume.Options{Cloud: "bench", Dir: b.TempDir()})
	must(b, err)
	must(b, v.CreateVolume(b.Context(), "vol-1", 10<<30))
	seed := rand.NewChaCha8([32]byte{1})
	write := func(from, n int64) {
		must(b, v.WriteVolume(b.Context(), "vol-1", func(to io.WriterAt) error {
			buf := make([]byte, 1<<20)
			for at := from; at < from+n; at += int64(len(buf)) {
				_, _ = seed.Read(buf) // never fails
				if _, err := to.WriteAt(buf, at); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	write(0, data)
	parent := ""
	snapshot := func(id string) float64 {
		watch := clock.Start()
		must(b, v.FreezeVolume(b.Context(), "vol-1", func(c plane.VolumeContent) error { take(b, w, id, parent, c); return nil }))
		parent = id
		return watch.Elapsed().Seconds()
	}
	b.ResetTimer()
	for i := range b.N {
		parent = ""
		first := snapshot(fmt.Sprintf("first-%d", i))
		plain := plainWrite(b, data)
		write(data/2, 10<<20)
		second := snapshot(fmt.Sprintf("second-%d", i))
		small := plainWrite(b, 10<<20)
		b.ReportMetric(first, "s/1GiB")
		b.ReportMetric(plain, "s/1GiB-written-and-synced")
		b.ReportMetric(second*1000, "ms/10MiB-changed")
		b.ReportMetric(small*1000, "ms/10MiB-written-and-synced")
	}
}

// plainWrite is how long the disk takes to write and sync n bytes.
func plainWrite(b *testing.B, n int64) float64 {
	f, err := os.Create(filepath.Join(b.TempDir(), "plain"))
	must(b, err)
	defer f.Close()
	buf := noise(5)
	watch := clock.Start()
	for at := int64(0); at < n; at += Size {
		_, err := f.WriteAt(buf, at)
		must(b, err)
	}
	must(b, f.Sync())
	return watch.Elapsed().Seconds()
}
