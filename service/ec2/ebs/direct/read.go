package direct

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io"

	api "pileus/api/ebs"
	"pileus/cloud"
	"pileus/service/ec2/ebs"
	"pileus/service/ec2/ebs/blocks"
	"pileus/store"
)

const defaultResults = 10_000

// readable is a snapshot whose blocks can be read.
func readable(c *cloud.Call, r store.Reader, id string) (*ebs.Snapshot, error) {
	if _, err := ebs.FindSnapshot(c, r, id); err != nil {
		return nil, errNoSnapshot(id)
	}
	s, err := ebs.Restorable(c, r, id)
	if err != nil {
		return nil, errInvalid(api.ValidationExceptionReasonInvalidSnapshotId, "The snapshot '%s' cannot be read: it is not complete, or archived.", id)
	}
	if s.Image != nil {
		return nil, errInvalid(api.ValidationExceptionReasonInvalidSnapshotId, "The snapshot '%s' belongs to an image that is made on demand, and has no blocks.", id)
	}
	return s, nil
}

func listBlocks(c *cloud.Call, r store.Reader, in *api.ListSnapshotBlocksInput) (*api.ListSnapshotBlocksOutput, error) {
	s, err := readable(c, r, in.SnapshotId)
	if err != nil {
		return nil, err
	}
	from, err := page(in.NextToken, in.StartingBlockIndex)
	if err != nil {
		return nil, err
	}
	expires, limit := c.Now.Add(blockTokenLife), int(cloud.Or(in.MaxResults, defaultResults))
	out := &api.ListSnapshotBlocksOutput{Blocks: []api.Block{}, ExpiryTime: &expires, VolumeSize: new(int64(s.Size)), BlockSize: new(int32(blocks.Size))}
	for i := range blocks.Indexes(r, s.Content, from) {
		if len(out.Blocks) == limit {
			out.NextToken = pageToken(i)
			break
		}
		out.Blocks = append(out.Blocks, api.Block{BlockIndex: new(int32(i)), BlockToken: new(blockToken(s.ID, i, expires))})
	}
	return out, nil
}

func listChanged(c *cloud.Call, r store.Reader, in *api.ListChangedBlocksInput) (*api.ListChangedBlocksOutput, error) {
	second, err := readable(c, r, in.SecondSnapshotId)
	if err != nil {
		return nil, err
	}
	firstID, firstContent := "", ""
	if in.FirstSnapshotId != nil { // else all of the second's blocks are changes
		first, err := readable(c, r, *in.FirstSnapshotId)
		if err != nil {
			return nil, err
		}
		if first.Volume != second.Volume {
			return nil, errInvalid(api.ValidationExceptionReasonUnrelatedSnapshots, "The snapshots are not of the same volume.")
		}
		firstID, firstContent = first.ID, first.Content
	}
	from, err := page(in.NextToken, in.StartingBlockIndex)
	if err != nil {
		return nil, err
	}
	expires, limit := c.Now.Add(blockTokenLife), int(cloud.Or(in.MaxResults, defaultResults))
	out := &api.ListChangedBlocksOutput{ChangedBlocks: []api.ChangedBlock{}, ExpiryTime: &expires, VolumeSize: new(int64(second.Size)), BlockSize: new(int32(blocks.Size))}
	for x := range blocks.Changes(r, firstContent, second.Content, from) {
		if len(out.ChangedBlocks) == limit {
			out.NextToken = pageToken(x.Index)
			break
		}
		b := api.ChangedBlock{BlockIndex: new(int32(x.Index))}
		if x.First {
			b.FirstBlockToken = new(blockToken(firstID, x.Index, expires))
		}
		if x.Second {
			b.SecondBlockToken = new(blockToken(second.ID, x.Index, expires))
		}
		out.ChangedBlocks = append(out.ChangedBlocks, b)
	}
	return out, nil
}

func getBlock(c *cloud.Call, in *api.GetSnapshotBlockInput) (*api.GetSnapshotBlockOutput, error) {
	var s *ebs.Snapshot
	err := c.View(func(r store.Reader) (err error) {
		s, err = readable(c, r, in.SnapshotId)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := checkBlockToken(in.BlockToken, s.ID, int64(in.BlockIndex), c.Now); err != nil {
		return nil, err
	}
	b, err := blocks.Read(c, s.Content, int64(in.BlockIndex))
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, errInvalid(api.ValidationExceptionReasonInvalidBlock, "The snapshot has no block %d.", in.BlockIndex)
	}
	sum := sha256.Sum256(b)
	return &api.GetSnapshotBlockOutput{
		DataLength: new(int32(len(b))), BlockData: io.NopCloser(bytes.NewReader(b)),
		Checksum: new(base64.StdEncoding.EncodeToString(sum[:])), ChecksumAlgorithm: new(api.ChecksumAlgorithmSha256),
	}, nil
}
