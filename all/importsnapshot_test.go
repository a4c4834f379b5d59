package all_test

import (
	"bytes"
	"io"
	"testing"

	"pileus/api/ebs"
	"pileus/api/ec2"
	"pileus/api/iam"
	"pileus/api/s3"
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
	ebsservice "pileus/service/ec2/ebs"
	"pileus/service/ec2/ebs/direct"
	"pileus/service/ec2/resource"
	iamservice "pileus/service/iam"
	s3service "pileus/service/s3"
	stsservice "pileus/service/sts"
)

// TestImportSnapshot makes a snapshot of a disk image in a bucket, as the role
// that VM Import is given, and reads it block by block.
func TestImportSnapshot(t *testing.T) {
	w := nodetest.With(t, func(p node.Parts) []cloud.Module {
		return []cloud.Module{resource.Module(ebsservice.New(p.Plane).Room()), direct.Module(), iamservice.Module(), stsservice.Module(), s3service.Module()}
	})
	disk := make([]byte, 3<<20)
	copy(disk, "boot sector")
	copy(disk[2<<20:], "data")
	nodetest.Do(w, &s3.CreateBucket, &s3.CreateBucketInput{Bucket: "images"})
	nodetest.Do(w, &s3.PutObject, &s3.PutObjectInput{Bucket: "images", Key: "disk.raw", Body: io.NopCloser(bytes.NewReader(disk)), ContentLength: new(int64(len(disk)))})
	in := &ec2.ImportSnapshotInput{DiskContainer: &ec2.SnapshotDiskContainer{Format: new("RAW"), UserBucket: &ec2.UserBucket{S3Bucket: new("images"), S3Key: new("disk.raw")}}}
	if _, err := nodetest.Try(w, &ec2.ImportSnapshot, in); err == nil {
		t.Error("imported without a role")
	}
	nodetest.Do(w, &iam.CreateRole, &iam.CreateRoleInput{RoleName: "vmimport", AssumeRolePolicyDocument: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"vmie.amazonaws.com"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"vmimport"}}}]}`})
	task := func() *ec2.SnapshotTaskDetail {
		id := nodetest.Do(w, &ec2.ImportSnapshot, in).ImportTaskId
		w.Drain()
		return nodetest.Do(w, &ec2.DescribeImportSnapshotTasks, &ec2.DescribeImportSnapshotTasksInput{ImportTaskIds: []string{*id}}).ImportSnapshotTasks[0].SnapshotTaskDetail
	}
	if d := task(); *d.Status != "deleted" || d.StatusMessage == nil {
		t.Errorf("without permission to read: %s", *d.Status)
	}
	nodetest.Do(w, &iam.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: "vmimport", PolicyName: "read", PolicyDocument: nodetest.Allow("s3:GetObject")})
	d := task()
	if *d.Status != "completed" || *d.DiskImageSize != float64(len(disk)) {
		t.Fatalf("%s: %v", *d.Status, d.StatusMessage)
	}
	list := nodetest.Do(w, &ebs.ListSnapshotBlocks, &ebs.ListSnapshotBlocksInput{SnapshotId: *d.SnapshotId}).Blocks
	if len(list) != 2 || *list[1].BlockIndex != 4 {
		t.Fatalf("%d blocks", len(list))
	}
	b := nodetest.Do(w, &ebs.GetSnapshotBlock, &ebs.GetSnapshotBlockInput{SnapshotId: *d.SnapshotId, BlockIndex: 4, BlockToken: *list[1].BlockToken})
	got, err := io.ReadAll(b.BlockData)
	if err != nil || !bytes.HasPrefix(got, []byte("data")) {
		t.Errorf("block 4 begins %q, %v", got[:8], err)
	}
}
