package s3

import (
	"fmt"
	"testing"
	"time"

	"pileus/clock"
	"pileus/node/nodetest"
	"pileus/store"

	api "pileus/api/s3"
)

// place inserts the only version of a key.
func place(w *nodetest.World, tx store.Tx, o *Object) {
	holdVersion(w.Call(), tx, o, 1)
	objects.Insert(tx, o)
}

// A quarter of a year in a bucket of many objects, written over a month, is a
// matter of seconds.
func TestLifecycleOfManyObjects(t *testing.T) {
	const n = 20_000
	w := nodetest.New(t, Module())
	nodetest.Do(w, &api.CreateBucket, &api.CreateBucketInput{Bucket: "many"})
	for from := 0; from < n; from += 2000 {
		w.Update(func(tx store.Tx) {
			for i := from; i < from+2000; i++ {
				at := w.Now().Add(time.Duration(i%30) * 24 * time.Hour).Add(time.Hour)
				place(w, tx, &Object{
					Bucket: "many", Key: fmt.Sprintf("log/%06d", i), Seq: int64(i + 1), Modified: at, Owner: nodetest.Account, Size: 200 << 10, ETag: "d41d8cd98f00b204e9800998ecf8427e",
				})
			}
		})
	}
	nodetest.Do(w, &api.PutBucketLifecycleConfiguration, &api.PutBucketLifecycleConfigurationInput{
		Bucket: "many", LifecycleConfiguration: &api.BucketLifecycleConfiguration{Rules: []api.LifecycleRule{{
			Status: "Enabled", Filter: &api.LifecycleRuleFilter{Prefix: new("log/")},
			Transitions: []api.Transition{{Days: new(int32(30)), StorageClass: new("STANDARD_IA")}},
			Expiration:  &api.LifecycleExpiration{Days: new(int32(60))},
		}}},
	})
	left := func() (n int) {
		w.View(func(r store.Reader) {
			for range objects.Scan(r, "many") {
				n++
			}
		})
		return n
	}
	watch := clock.Start()
	w.Advance(75 * 24 * time.Hour)
	young := 0 // written on the last 15 of the 30 days
	for i := range n {
		if i%30 >= 15 {
			young++
		}
	}
	if got := left(); got != young {
		t.Errorf("%d objects are left after 75 days, want %d", got, young)
	}
	w.Advance(16 * 24 * time.Hour)
	if got := left(); got != 0 {
		t.Errorf("%d objects are left after 91 days", got)
	}
	t.Logf("91 days over %d objects: %v", n, watch.Elapsed())
	watch = clock.Start()
	w.Advance(30 * 24 * time.Hour)
	t.Logf("30 days with nothing due: %v", watch.Elapsed())
	if watch.Elapsed() > time.Minute {
		t.Errorf("91 days over %d objects took %v", n, watch.Elapsed())
	}
}
