package direct

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"time"

	api "pileus/api/ebs"
	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/ebs"
	"pileus/service/ec2/ebs/blocks"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const (
	defaultTimeout = 60 // minutes
	maxVolume      = 65536
	gibBlocks      = (1 << 30) / blocks.Size
)

// written is a block that was put into a snapshot.
type written struct {
	Snapshot string
	Index    int64
	Sum      []byte // SHA-256
}

var writes = &store.Table[written]{
	Name: "ebs.written",
	Key:  func(w *written) store.Key { return store.K(w.Snapshot, w.Index) },
}

func startSnapshot(c *cloud.Call, in *api.StartSnapshotInput) (*api.StartSnapshotOutput, error) {
	if in.VolumeSize < 1 || in.VolumeSize > maxVolume {
		return nil, errInvalid(api.ValidationExceptionReasonInvalidVolumeSize, "The volume size must be between 1 and %d GiB.", maxVolume)
	}
	specs := []ec2.TagSpecification{{ResourceType: new("snapshot")}}
	for _, t := range in.Tags {
		specs[0].Tags = append(specs[0].Tags, ec2.Tag{Key: t.Key, Value: t.Value})
	}
	tags, err := resource.SpecifiedTags(specs, "snapshot")
	if err != nil {
		return nil, errInvalid(api.ValidationExceptionReasonInvalidTag, "%v", err)
	}
	var parent, s *ebs.Snapshot
	err = c.Update(func(tx store.Tx) (err error) {
		parent = nil
		if id := cloud.Or(in.ParentSnapshotId, ""); id != "" {
			if parent, err = ebs.Restorable(c, tx, id); err != nil {
				return words(err)
			}
			if parent.Account != c.Account || parent.Image != nil || int64(parent.Size) > in.VolumeSize {
				return errInvalid(api.ValidationExceptionReasonInvalidSnapshotId, "The snapshot %s cannot be the parent of this one.", id)
			}
		}
		timeout := time.Duration(cloud.Or(in.Timeout, defaultTimeout)) * time.Minute
		s, err = resource.Once(c, tx, "StartSnapshot", in.ClientToken, in, func() (*ebs.Snapshot, error) {
			return ebs.StartDirect(c, tx, int32(in.VolumeSize), parent, cloud.Or(in.Description, ""), in.Encrypted, in.KmsKeyArn, timeout, tags)
		})
		return words(err)
	})
	if err != nil {
		return nil, err
	}
	if copied, err := hasContent(c, s); err != nil {
		return nil, err
	} else if parent != nil && !copied { // a repetition finds what was put since
		if err := blocks.Copy(c, parent.Content, s.Content, s.Domain()); err != nil {
			return nil, err
		}
	}
	out := &api.StartSnapshotOutput{
		SnapshotId: &s.ID, Description: &s.Description, OwnerId: &s.Account, Status: &s.State, StartTime: &s.Started,
		VolumeSize: new(int64(s.Size)), BlockSize: new(int32(blocks.Size)), Tags: in.Tags, ParentSnapshotId: in.ParentSnapshotId,
	}
	if s.KMSKey != "" {
		out.KmsKeyArn = &s.KMSKey
	}
	return out, nil
}

func hasContent(c *cloud.Call, s *ebs.Snapshot) (yes bool, err error) {
	err = c.View(func(r store.Reader) error {
		yes = blocks.Exists(r, s.Content)
		return nil
	})
	return yes, err
}

// filling is a snapshot that blocks can be put into.
func filling(c *cloud.Call, r store.Reader, id string) (*ebs.Snapshot, error) {
	if s, ok := ebs.Filling(c, r, id); ok {
		return s, nil
	}
	if _, err := ebs.FindSnapshot(c, r, id); err != nil {
		return nil, errNoSnapshot(id)
	}
	return nil, errInvalid(api.ValidationExceptionReasonInvalidSnapshotId, "The snapshot '%s' cannot be written to.", id)
}

func putBlock(c *cloud.Call, in *api.PutSnapshotBlockInput) (*api.PutSnapshotBlockOutput, error) {
	block := make([]byte, blocks.Size)
	_, err := io.ReadFull(in.BlockData, block)
	extra := make([]byte, 1)
	if n, _ := in.BlockData.Read(extra); err != nil || n > 0 || in.DataLength != blocks.Size { // what comes after is an error, whatever it is
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, err
		}
		return nil, errInvalid(api.ValidationExceptionReasonInvalidBlock, "A block must have %d bytes.", blocks.Size)
	}
	sum := sha256.Sum256(block)
	text := base64.StdEncoding.EncodeToString(sum[:])
	if in.Checksum != text {
		return nil, errInvalid(api.ValidationExceptionReasonInvalidBlock, "The checksum of the block does not match.")
	}
	var s *ebs.Snapshot
	err = c.View(func(r store.Reader) (err error) {
		s, err = filling(c, r, in.SnapshotId)
		return err
	})
	if err != nil {
		return nil, err
	}
	if int64(in.BlockIndex) >= int64(s.Size)*gibBlocks {
		return nil, errInvalid(api.ValidationExceptionReasonInvalidBlock, "The block index %d is past the end of the volume.", in.BlockIndex)
	}
	err = blocks.Put(c, s.Content, s.Domain(), int64(in.BlockIndex), block, func(tx store.Tx) error {
		now, err := filling(c, tx, in.SnapshotId)
		if err != nil {
			return err
		}
		now.Touch(c, tx)
		writes.Put(tx, &written{Snapshot: s.ID, Index: int64(in.BlockIndex), Sum: sum[:]})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.PutSnapshotBlockOutput{Checksum: &text, ChecksumAlgorithm: new(api.ChecksumAlgorithmSha256)}, nil
}

// completeSnapshot checks that all that was sent has arrived.
func completeSnapshot(c *cloud.Call, tx store.Tx, in *api.CompleteSnapshotInput) (*api.CompleteSnapshotOutput, error) {
	s, err := filling(c, tx, in.SnapshotId)
	if err != nil {
		return nil, err
	}
	n, all := int64(0), sha256.New()
	for w := range writes.Scan(tx, s.ID) {
		n++
		all.Write(w.Sum)
	}
	if n != int64(in.ChangedBlocksCount) {
		return nil, errInvalid(api.ValidationExceptionReasonInvalidParameterValue, "%d blocks were written, not %d.", n, in.ChangedBlocksCount)
	}
	if sum := base64.StdEncoding.EncodeToString(all.Sum(nil)); in.Checksum != nil && strings.TrimSpace(*in.Checksum) != sum {
		return nil, errInvalid(api.ValidationExceptionReasonInvalidParameterValue, "The checksum of the snapshot does not match.")
	}
	writes.DeleteAll(tx, s.ID)
	s.Complete(c, tx, n)
	return &api.CompleteSnapshotOutput{Status: new(api.StatusCompleted)}, nil
}
