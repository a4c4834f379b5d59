package ebs

import (
	api "pileus/api/ec2"
	"pileus/cloud"
)

// Bindings are the operations of block storage.
func (s *Room) Bindings() []cloud.Binding {
	return []cloud.Binding{
		api.CreateVolume.Update(s.createVolume),
		api.DeleteVolume.Update(deleteVolume),
		api.DescribeVolumes.View(describeVolumes),
		api.CopyVolumes.Update(s.copyVolumes),
		api.ListVolumesInRecycleBin.View(listVolumesInBin),
		api.RestoreVolumeFromRecycleBin.Update(restoreVolumeFromBin),
		api.AttachVolume.Update(s.attachVolume),
		api.DetachVolume.Update(s.detachVolume),
		api.ModifyVolume.Update(modifyVolume),
		api.DescribeVolumesModifications.View(describeModifications),
		api.DescribeVolumeAttribute.View(describeVolumeAttribute),
		api.ModifyVolumeAttribute.Update(modifyVolumeAttribute),
		api.DescribeVolumeStatus.View(s.describeStatus),
		api.EnableVolumeIO.Update(enableIO),

		api.CreateSnapshot.Update(createSnapshot),
		api.CreateSnapshots.Update(s.createSnapshots),
		api.DescribeSnapshots.View(describeSnapshots),
		api.DeleteSnapshot.Update(s.deleteSnapshot),
		api.CopySnapshot.Update(copySnapshot),
		api.ModifySnapshotAttribute.Update(modifySnapshotAttribute),
		api.ResetSnapshotAttribute.Update(resetSnapshotAttribute),
		api.DescribeSnapshotAttribute.View(describeSnapshotAttribute),

		api.ModifySnapshotTier.Update(s.modifySnapshotTier),
		api.RestoreSnapshotTier.Update(restoreSnapshotTier),
		api.DescribeSnapshotTierStatus.View(describeTierStatus),
		api.EnableFastSnapshotRestores.Update(enableFastRestores),
		api.DisableFastSnapshotRestores.Update(disableFastRestores),
		api.DescribeFastSnapshotRestores.View(describeFastRestores),
		api.LockSnapshot.Update(lockSnapshot),
		api.UnlockSnapshot.Update(unlockSnapshot),
		api.DescribeLockedSnapshots.View(describeLocked),
		api.ListSnapshotsInRecycleBin.View(listBin),
		api.RestoreSnapshotFromRecycleBin.Update(restoreFromBin),

		api.ImportSnapshot.Update(importSnapshot).Partial("disk images of the formats RAW, VHD and VMDK; no VHDX, no OVA"),
		api.DescribeImportSnapshotTasks.View(describeImports),

		api.EnableEbsEncryptionByDefault.Update(enableEncryption),
		api.DisableEbsEncryptionByDefault.Update(disableEncryption),
		api.GetEbsEncryptionByDefault.View(getEncryption),
		api.GetEbsDefaultKmsKeyId.View(getDefaultKey),
		api.ModifyEbsDefaultKmsKeyId.Update(modifyDefaultKey).Partial("there is no KMS yet: alias/aws/ebs is the only key"),
		api.ResetEbsDefaultKmsKeyId.Update(resetDefaultKey),
		api.EnableSnapshotBlockPublicAccess.Update(blockPublicAccess),
		api.DisableSnapshotBlockPublicAccess.Update(unblockPublicAccess),
		api.GetSnapshotBlockPublicAccessState.View(publicAccessState),
	}
}
