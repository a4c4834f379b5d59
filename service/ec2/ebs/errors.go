package ebs

import (
	"net/http"

	"pileus/cloud"
	"pileus/service/ec2/resource"
)

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html

func errNoVolume(id string) *cloud.Error {
	if !resource.WellFormed("vol", id) {
		return resource.Errorf("InvalidParameterValue", "Value (%s) for parameter volumeId is invalid. Expected: 'vol-...'.", id)
	}
	return resource.Errorf("InvalidVolume.NotFound", "The volume '%s' does not exist.", id)
}

func errNoSnapshot(id string) *cloud.Error {
	if !resource.WellFormed("snap", id) {
		return resource.Errorf("InvalidParameterValue", "Value (%s) for parameter snapshotId is invalid. Expected: 'snap-...'.", id)
	}
	return resource.Errorf("InvalidSnapshot.NotFound", "The snapshot '%s' does not exist.", id)
}

func errNoZone(zone string) *cloud.Error {
	return resource.Errorf("InvalidZone.NotFound", "The zone '%s' does not exist.", zone)
}

var errNoCapacity = cloud.Errorf(http.StatusInternalServerError, "InsufficientVolumeCapacity",
	"There is not enough capacity to fulfill your EBS volume provision request. You can try to provision a different volume type, an EBS volume in a different Availability Zone, or you can wait for additional capacity to become available.")

// errZone refuses to attach a volume that nobody reaches.
func errZone(v *Volume) *cloud.Error {
	return cloud.Errorf(http.StatusServiceUnavailable, "Unavailable", "The volume '%s' cannot be reached: the Availability Zone '%s' is unavailable.", v.ID, v.Zone)
}

func errVolumeState(v *Volume, want string) *cloud.Error {
	return resource.Errorf("IncorrectState", "The volume '%s' is '%s'. It must be '%s'.", v.ID, v.State, want)
}

func errTooSmall(size int32, snapshot string, least int32) *cloud.Error {
	return resource.Errorf("InvalidParameterValue", "Volume of size %dGB is smaller than snapshot '%s', expect size >= %dGB", size, snapshot, least)
}

func errSnapshotState(s *Snapshot) *cloud.Error {
	return resource.Errorf("IncorrectState", "The snapshot '%s' is '%s'. It must be 'completed'.", s.ID, s.State)
}

func errArchived(id string) *cloud.Error {
	return resource.Errorf("IncorrectState", "The snapshot '%s' is in the archive tier. Restore it first.", id)
}

var errNoKMS = resource.Errorf("InvalidParameterValue", "This cloud has no Key Management Service (KMS) yet: leave KmsKeyId out, or use alias/aws/ebs.")
