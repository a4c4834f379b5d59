package direct

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ebs/types"

	api "pileus/api/ebs"
	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/service/ec2/ebs"
	"pileus/service/ec2/ebs/blocks"
	"pileus/service/ec2/resource"
)

func world(t *testing.T) *nodetest.World {
	return nodetest.With(t, func(p node.Parts) []cloud.Module {
		return []cloud.Module{resource.Module(ebs.New(p.Plane).Room()), Module()}
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func fails(t testing.TB, err error, code, message string) {
	t.Helper()
	var e *cloud.Error
	switch {
	case err == nil && code == "":
	case !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message, message):
		t.Errorf("got %v; want %s: %s", err, code, message)
	}
}

// block is one that cannot be compressed.
func block(seed byte) []byte {
	b := make([]byte, blocks.Size)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b) // never fails
	return b
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return base64.StdEncoding.EncodeToString(s[:])
}

func put(c *cloud.Call, id string, index int32, b []byte) error {
	_, err := api.PutSnapshotBlock.Call(c, &api.PutSnapshotBlockInput{
		SnapshotId: id, BlockIndex: index, BlockData: io.NopCloser(bytes.NewReader(b)), DataLength: int32(len(b)), Checksum: sum(b), ChecksumAlgorithm: "SHA256",
	})
	return err
}

// filled makes a snapshot of blocks.
func filled(w *nodetest.World, parent *string, content map[int32][]byte) string {
	w.T.Helper()
	id := *nodetest.Do(w, &api.StartSnapshot, &api.StartSnapshotInput{VolumeSize: 1, ParentSnapshotId: parent}).SnapshotId
	for i, b := range content {
		must(w.T, put(w.Call(), id, i, b))
	}
	nodetest.Do(w, &api.CompleteSnapshot, &api.CompleteSnapshotInput{SnapshotId: id, ChangedBlocksCount: int32(len(content))})
	w.Drain()
	return id
}

// TestSDK writes a snapshot and reads it with AWS's own client.
func TestSDK(t *testing.T) {
	w := world(t)
	ctx := t.Context()
	client := sdk.NewFromConfig(w.Config())
	s, err := client.StartSnapshot(ctx, &sdk.StartSnapshotInput{VolumeSize: aws.Int64(1), Description: new("direct"), Tags: []types.Tag{{Key: new("a"), Value: new("b")}}})
	must(t, err)
	if s.Status != types.StatusPending || *s.BlockSize != blocks.Size {
		t.Errorf("started: %s", s.Status)
	}
	want := map[int32][]byte{0: block(1), 7: block(2)}
	all := sha256.New()
	for _, i := range []int32{0, 7} {
		b := want[i]
		_, err := client.PutSnapshotBlock(ctx, &sdk.PutSnapshotBlockInput{
			SnapshotId: s.SnapshotId, BlockIndex: &i, BlockData: bytes.NewReader(b), DataLength: aws.Int32(blocks.Size), Checksum: new(sum(b)), ChecksumAlgorithm: types.ChecksumAlgorithmChecksumAlgorithmSha256,
		})
		must(t, err)
		one := sha256.Sum256(b)
		all.Write(one[:])
	}
	done, err := client.CompleteSnapshot(ctx, &sdk.CompleteSnapshotInput{
		SnapshotId: s.SnapshotId, ChangedBlocksCount: aws.Int32(2), Checksum: new(base64.StdEncoding.EncodeToString(all.Sum(nil))),
		ChecksumAlgorithm: types.ChecksumAlgorithmChecksumAlgorithmSha256, ChecksumAggregationMethod: types.ChecksumAggregationMethodChecksumAggregationLinear,
	})
	must(t, err)
	if done.Status != types.StatusCompleted {
		t.Errorf("completed: %s", done.Status)
	}
	list, err := client.ListSnapshotBlocks(ctx, &sdk.ListSnapshotBlocksInput{SnapshotId: s.SnapshotId})
	must(t, err)
	if len(list.Blocks) != 2 || *list.VolumeSize != 1 {
		t.Fatalf("%d blocks of %d GiB", len(list.Blocks), *list.VolumeSize)
	}
	for _, b := range list.Blocks {
		got, err := client.GetSnapshotBlock(ctx, &sdk.GetSnapshotBlockInput{SnapshotId: s.SnapshotId, BlockIndex: b.BlockIndex, BlockToken: b.BlockToken})
		must(t, err)
		data, err := io.ReadAll(got.BlockData)
		must(t, err)
		if !bytes.Equal(data, want[*b.BlockIndex]) || *got.Checksum != sum(data) {
			t.Errorf("block %d differs", *b.BlockIndex)
		}
	}
	seen := nodetest.Do(w, &ec2.DescribeSnapshots, &ec2.DescribeSnapshotsInput{SnapshotIds: []string{*s.SnapshotId}}).Snapshots[0]
	if *seen.State != "completed" || *seen.Description != "direct" || *seen.Tags[0].Value != "b" {
		t.Errorf("EC2 shows it %s", *seen.State)
	}
}

func TestParentAndChanges(t *testing.T) {
	w := world(t)
	first := filled(w, nil, map[int32][]byte{1: block(1), 2: block(2)})
	second := filled(w, &first, map[int32][]byte{2: block(22), 9: block(9)})
	out := nodetest.Do(w, &api.ListChangedBlocks, &api.ListChangedBlocksInput{FirstSnapshotId: &first, SecondSnapshotId: second})
	var changed []int32
	for _, b := range out.ChangedBlocks {
		changed = append(changed, *b.BlockIndex)
	}
	if len(changed) != 2 || changed[0] != 2 || changed[1] != 9 || out.ChangedBlocks[1].FirstBlockToken != nil || out.ChangedBlocks[0].FirstBlockToken == nil {
		t.Errorf("changed: %v", changed)
	}
	if n := len(nodetest.Do(w, &api.ListSnapshotBlocks, &api.ListSnapshotBlocksInput{SnapshotId: second}).Blocks); n != 3 {
		t.Errorf("the second has %d blocks", n)
	}
	v := nodetest.Do(w, &ec2.CreateVolume, &ec2.CreateVolumeInput{AvailabilityZone: new("us-east-1a"), SnapshotId: &second})
	w.Drain()
	if s := nodetest.Do(w, &ec2.DescribeVolumes, &ec2.DescribeVolumesInput{VolumeIds: []string{*v.VolumeId}}).Volumes[0]; *s.State != "available" {
		t.Errorf("a volume of it is %s", *s.State)
	}
}

func TestErrors(t *testing.T) {
	w := world(t)
	id := *nodetest.Do(w, &api.StartSnapshot, &api.StartSnapshotInput{VolumeSize: 1}).SnapshotId
	c := w.Call()
	fails(t, put(c, id, 0, block(1)[:1000]), "ValidationException", "524288 bytes")
	fails(t, put(c, id, 2048, block(1)), "ValidationException", "past the end")
	fails(t, put(c, "snap-0123456789abcdef0", 0, block(1)), "ResourceNotFoundException", "")
	_, err := api.PutSnapshotBlock.Call(c, &api.PutSnapshotBlockInput{SnapshotId: id, BlockData: io.NopCloser(bytes.NewReader(block(1))), DataLength: blocks.Size, Checksum: sum(block(2)), ChecksumAlgorithm: "SHA256"})
	fails(t, err, "ValidationException", "checksum")
	must(t, put(c, id, 0, block(1)))
	_, err = nodetest.Try(w, &api.ListSnapshotBlocks, &api.ListSnapshotBlocksInput{SnapshotId: id})
	fails(t, err, "ValidationException", "not complete")
	_, err = nodetest.Try(w, &api.CompleteSnapshot, &api.CompleteSnapshotInput{SnapshotId: id, ChangedBlocksCount: 2})
	fails(t, err, "ValidationException", "1 blocks were written, not 2.")
	_, err = nodetest.Try(w, &api.CompleteSnapshot, &api.CompleteSnapshotInput{SnapshotId: id, ChangedBlocksCount: 1, Checksum: new(sum(nil))})
	fails(t, err, "ValidationException", "checksum")
	nodetest.Do(w, &api.CompleteSnapshot, &api.CompleteSnapshotInput{SnapshotId: id, ChangedBlocksCount: 1})
	fails(t, put(c, id, 0, block(1)), "ValidationException", "cannot be written to")
	token := nodetest.Do(w, &api.ListSnapshotBlocks, &api.ListSnapshotBlocksInput{SnapshotId: id}).Blocks[0].BlockToken
	_, err = nodetest.Try(w, &api.GetSnapshotBlock, &api.GetSnapshotBlockInput{SnapshotId: id, BlockIndex: 1, BlockToken: *token})
	fails(t, err, "ValidationException", "block token")
	w.Advance(8 * 24 * time.Hour)
	_, err = nodetest.Try(w, &api.GetSnapshotBlock, &api.GetSnapshotBlockInput{SnapshotId: id, BlockIndex: 0, BlockToken: *token})
	fails(t, err, "ValidationException", "has expired")
}

// TestTimeout fails a snapshot that nobody completes.
func TestTimeout(t *testing.T) {
	w := world(t)
	id := *nodetest.Do(w, &api.StartSnapshot, &api.StartSnapshotInput{VolumeSize: 1, Timeout: new(int32(10))}).SnapshotId
	state := func() string {
		return *nodetest.Do(w, &ec2.DescribeSnapshots, &ec2.DescribeSnapshotsInput{SnapshotIds: []string{id}}).Snapshots[0].State
	}
	w.Advance(9 * time.Minute)
	must(t, put(w.Call(), id, 0, block(1)))
	w.Advance(9 * time.Minute)
	if s := state(); s != "pending" {
		t.Errorf("after a block was put: %s", s)
	}
	w.Advance(2 * time.Minute)
	if s := state(); s != "error" {
		t.Errorf("in the end: %s", s)
	}
}

func TestPages(t *testing.T) {
	w := world(t)
	content := map[int32][]byte{}
	for i := range int32(150) {
		content[i] = bytes.Repeat([]byte{byte(i + 1)}, blocks.Size)
	}
	id := filled(w, nil, content)
	in := &api.ListSnapshotBlocksInput{SnapshotId: id, MaxResults: new(int32(100))}
	first := nodetest.Do(w, &api.ListSnapshotBlocks, in)
	in.NextToken = first.NextToken
	second := nodetest.Do(w, &api.ListSnapshotBlocks, in)
	if len(first.Blocks) != 100 || len(second.Blocks) != 50 || *second.Blocks[0].BlockIndex != 100 || second.NextToken != nil {
		t.Errorf("pages of %d and %d", len(first.Blocks), len(second.Blocks))
	}
	in.NextToken = new("nonsense")
	_, err := nodetest.Try(w, &api.ListSnapshotBlocks, in)
	fails(t, err, "ValidationException", "")
}

// TestWhoMay runs each operation with no permission, with another one, and
// with the one that it needs.
func TestWhoMay(t *testing.T) {
	w := world(t)
	old := filled(w, nil, map[int32][]byte{0: block(1)})
	open := *nodetest.Do(w, &api.StartSnapshot, &api.StartSnapshotInput{VolumeSize: 1}).SnapshotId
	token := *nodetest.Do(w, &api.ListSnapshotBlocks, &api.ListSnapshotBlocksInput{SnapshotId: old}).Blocks[0].BlockToken
	cases := map[string]func(c *cloud.Call) error{
		"StartSnapshot": func(c *cloud.Call) error {
			_, err := api.StartSnapshot.Call(c, &api.StartSnapshotInput{VolumeSize: 1})
			return err
		},
		"PutSnapshotBlock": func(c *cloud.Call) error { return put(c, open, 0, block(3)) },
		"ListSnapshotBlocks": func(c *cloud.Call) error {
			_, err := api.ListSnapshotBlocks.Call(c, &api.ListSnapshotBlocksInput{SnapshotId: old})
			return err
		},
		"ListChangedBlocks": func(c *cloud.Call) error {
			_, err := api.ListChangedBlocks.Call(c, &api.ListChangedBlocksInput{SecondSnapshotId: old})
			return err
		},
		"GetSnapshotBlock": func(c *cloud.Call) error {
			_, err := api.GetSnapshotBlock.Call(c, &api.GetSnapshotBlockInput{SnapshotId: old, BlockToken: token})
			return err
		},
		"CompleteSnapshot": func(c *cloud.Call) error {
			fresh := *nodetest.Do(w, &api.StartSnapshot, &api.StartSnapshotInput{VolumeSize: 1}).SnapshotId
			_, err := api.CompleteSnapshot.Call(c, &api.CompleteSnapshotInput{SnapshotId: fresh})
			return err
		},
	}
	for _, op := range api.Service.Ops {
		try := cases[op.Name]
		if try == nil {
			t.Errorf("%s has no case", op.Name)
			continue
		}
		fails(t, try(w.As(w.User("none"+op.Name, ""))), "AccessDeniedException", "ebs:"+op.Name)
		fails(t, try(w.As(w.User("nearly"+op.Name, nodetest.Allow("ec2:*")))), "AccessDeniedException", "ebs:"+op.Name)
		if err := try(w.As(w.User("allowed"+op.Name, nodetest.Allow("ebs:"+op.Name)))); err != nil {
			t.Errorf("%s, allowed: %v", op.Name, err)
		}
	}
}
