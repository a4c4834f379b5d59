package bucket_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"pileus/all"
	"pileus/api/s3"
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/service/ec2/bucket"
)

// window is what objects are read by.
const window = 4 << 20

func world(t *testing.T) *nodetest.World {
	w := nodetest.With(t, func(p node.Parts) []cloud.Module {
		return slices.DeleteFunc(all.Modules(p), func(m cloud.Module) bool { return m.API.Name != "s3" && m.API.Name != "iam" })
	})
	nodetest.Do(w, &s3.CreateBucket, &s3.CreateBucketInput{Bucket: "disks"})
	return w
}

func TestPartsAndWindows(t *testing.T) {
	w := world(t)
	data := make([]byte, 2*window+12345)
	for i := range data {
		data[i] = byte(i * i >> 9)
	}
	for name, want := range map[string][]byte{"large": data, "empty": {}} {
		err := bucket.UploadIn(w.Call(), "disks", name, nil, 5<<20, func(to io.Writer) error {
			_, err := to.Write(want)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		o, err := bucket.Open(w.Call(), "disks", name)
		if err != nil || o.Size() != int64(len(want)) {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	o, err := bucket.Open(w.Call(), "disks", "large")
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	for _, at := range []int64{window - 50, 7, 2 * window} {
		if n, err := o.ReadAt(b, at); err != nil || !bytes.Equal(b[:n], data[at:at+100]) {
			t.Errorf("at %d: %d bytes, %v", at, n, err)
		}
	}
	if n, err := o.ReadAt(b, o.Size()-10); n != 10 || !errors.Is(err, io.EOF) {
		t.Errorf("over the end: %d, %v", n, err)
	}
}

func TestUploadThatFails(t *testing.T) {
	w := world(t)
	broken := errors.New("the disk is broken")
	err := bucket.UploadIn(w.Call(), "disks", "k", nil, 5<<20, func(to io.Writer) error {
		if _, err := to.Write(make([]byte, 6<<20)); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if _, err := bucket.Open(w.Call(), "disks", "k"); err == nil {
		t.Error("the object is there")
	}
	if left := nodetest.Do(w, &s3.ListMultipartUploads, &s3.ListMultipartUploadsInput{Bucket: "disks"}).Uploads; len(left) != 0 {
		t.Errorf("%d uploads are left", len(left))
	}
}

func TestPlace(t *testing.T) {
	for in, ok := range map[[3]string]bool{{"b", "k", ""}: true, {"", "", "s3://b/a/k"}: true, {"", "", "s3://b"}: false, {"b", "", ""}: false, {"", "", "https://b/k"}: false} {
		if _, _, got := bucket.Place(in[0], in[1], in[2]); got != ok {
			t.Errorf("%v: %v", in, got)
		}
	}
}
