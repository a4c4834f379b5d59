package ebs

import (
	api "pileus/api/ec2"
	"pileus/api/rbin"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// delete has the volume go, or moves it to the Recycle Bin if a retention rule
// says so: whoever deletes it, its instance's end included. One that was never
// made whole has nothing to keep. The caller writes the record.
func (v *Volume) delete(c *cloud.Call, tx store.Tx) error {
	if v.State == api.VolumeStateAvailable || v.State == api.VolumeStateInUse {
		keep, err := Retention(c, rbin.ResourceTypeEbsVolume, resource.Tags(c, tx, v.ID))
		if err != nil {
			return err
		}
		if keep > 0 {
			v.Bin = &Bin{Entered: c.Now, Exit: c.Now.Add(keep)}
			return nil
		}
	}
	v.State = api.VolumeStateDeleting
	return nil
}

// keepInBin closes a volume that is in the Recycle Bin, and has it go once its
// time there is over.
func (s *Room) keepInBin(c *cloud.Call, v *Volume) error {
	return c.Cloud.DB().Update(c, func(tx store.Tx) error {
		now, ok := volumes.Get(tx, v.Account, v.Region, v.ID)
		switch {
		case !ok || now.Bin == nil:
		case c.Now.Before(now.Bin.Exit):
			tx.After(now.Bin.Exit, volumeController, now.key())
		default:
			d := now.clone()
			d.Bin, d.State = nil, api.VolumeStateDeleting
			put(tx, d)
		}
		return nil
	})
}

func listVolumesInBin(c *cloud.Call, r store.Reader, in *api.ListVolumesInRecycleBinInput) (*api.ListVolumesInRecycleBinOutput, error) {
	binned := func(yield func(*Volume) bool) {
		for v := range volumes.Scan(r, c.Account, c.Region) {
			if v.Bin != nil && !yield(v) {
				return
			}
		}
	}
	page, next, err := resource.List(c, r, resource.Query{IDs: in.VolumeIds, Max: in.MaxResults, Token: in.NextToken, Most: 500, NotFound: errNoVolume},
		binned, func(v *Volume) string { return v.ID }, nil)
	if err != nil {
		return nil, err
	}
	out := &api.ListVolumesInRecycleBinOutput{NextToken: next, Volumes: []api.VolumeRecycleBinInfo{}}
	for _, v := range page {
		out.Volumes = append(out.Volumes, api.VolumeRecycleBinInfo{
			VolumeId: &v.ID, VolumeType: &v.Type, State: &v.State, Size: &v.Size, Iops: shown(v.IOPS), Throughput: shown(v.Throughput),
			AvailabilityZone: &v.Zone, AvailabilityZoneId: resource.ZoneID(v.Zone), SourceVolumeId: optional(v.Source), SnapshotId: &v.Snapshot,
			Operator: resource.Unmanaged(), CreateTime: &v.Created, RecycleBinEnterTime: &v.Bin.Entered, RecycleBinExitTime: &v.Bin.Exit,
		})
	}
	return out, nil
}

func restoreVolumeFromBin(c *cloud.Call, tx store.Tx, in *api.RestoreVolumeFromRecycleBinInput) (*api.RestoreVolumeFromRecycleBinOutput, error) {
	v, ok := volumes.Get(tx, c.Account, c.Region, in.VolumeId)
	if !ok || v.Bin == nil {
		return nil, errNoVolume(in.VolumeId)
	}
	d := v.clone()
	d.Bin = nil
	put(tx, d)
	return &api.RestoreVolumeFromRecycleBinOutput{Return: new(true)}, nil
}
