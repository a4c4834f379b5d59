package image_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pileus/all"
	api "pileus/api/ec2"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/plane/sim"
	"pileus/service/ec2/image"
	"pileus/store"
)

// upload imports an archive and returns the image's id.
func upload(w *nodetest.World, name string) string {
	w.T.Helper()
	where := w.Endpoint + image.ImportPath + "?account=" + nodetest.Account + "&region=" + nodetest.Region + "&name=" + name
	res, err := http.Post(where, "application/x-tar", bytes.NewReader(make([]byte, 10240)))
	if err != nil {
		w.T.Fatal(err)
	}
	defer res.Body.Close()
	var out image.Imported
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || out.ImageID == "" {
		w.T.Fatalf("%+v, %v", out, err)
	}
	return out.ImageID
}

// TestImportsThatWereKilled leaves a root file system without an image, as an
// import does that is killed before it has written its record.
func TestImportsThatWereKilled(t *testing.T) {
	p := sim.New(t.TempDir())
	w := nodetest.Start(t, node.Options{Plane: p, Rehearse: true, Seed: 1, Modules: all.Modules})
	out := upload(w, "whole")
	have := func() []string {
		t.Helper()
		list, err := p.Images(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	whole := have()
	if len(whole) != 1 {
		t.Fatalf("after an import: %v", whole)
	}
	if _, err := p.Import(t.Context(), "img-dead", strings.NewReader("half")); err != nil {
		t.Fatal(err)
	}
	restart := func() {
		w.Update(func(tx store.Tx) { tx.After(time.Time{}, "ec2.image.sweep", store.K()) })
		w.Drain()
	}
	restart()
	if got := have(); !slices.Equal(got, whole) {
		t.Errorf("at the next start: %v, want %v", got, whole)
	}
	run := nodetest.Do(w, &api.RunInstances, &api.RunInstancesInput{ImageId: &out, InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1})
	w.Drain()
	nodetest.Do(w, &api.DeregisterImage, &api.DeregisterImageInput{ImageId: out})
	restart()
	if got := have(); !slices.Equal(got, whole) {
		t.Errorf("while an instance of it runs: %v", got)
	}
	nodetest.Do(w, &api.TerminateInstances, &api.TerminateInstancesInput{InstanceIds: []string{*run.Instances[0].InstanceId}})
	w.Drain()
	restart()
	if got := have(); len(got) != 0 {
		t.Errorf("when nothing is left of it: %v", got)
	}
}
