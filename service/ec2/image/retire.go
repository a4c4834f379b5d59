package image

import (
	"errors"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/ebs"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const (
	binController = "ec2.image.bin"
	cooldown      = 24 * time.Hour
	// publicLife is after how long a public image is deprecated by itself.
	publicLife = 2 * 365 * 24 * time.Hour
)

// deregisterImage removes an image; its snapshots stay unless the request says
// otherwise. Where a retention rule of the Recycle Bin matches, it can be had
// back for a time.
func deregisterImage(c *cloud.Call, tx store.Tx, in *api.DeregisterImageInput) (*api.DeregisterImageOutput, error) {
	i, err := own(c, tx, in.ImageId)
	if err != nil {
		return nil, err
	}
	if i.Protection != "" && (i.Until.IsZero() || c.Now.Before(i.Until)) {
		return nil, resource.Errorf("OperationNotPermitted", "The image %s is protected from deregistration. Disable deregistration protection first.", i.ID)
	}
	keep, err := ebs.Retention(c, "EC2_IMAGE", resource.Tags(c, tx, i.ID))
	if err != nil {
		return nil, err
	}
	if keep > 0 {
		i.Bin = &ebs.Bin{Entered: c.Now, Exit: c.Now.Add(keep)}
		images.Put(tx, i)
		tx.After(i.Bin.Exit, binController, store.K(i.Region, i.ID))
	} else {
		i.remove(c, tx)
	}
	out := &api.DeregisterImageOutput{Return: new(true), DeleteSnapshotResults: []api.DeleteSnapshotReturnCode{}}
	if cloud.Or(in.DeleteAssociatedSnapshots, false) {
		for _, id := range i.snapshots() {
			out.DeleteSnapshotResults = append(out.DeleteSnapshotResults, api.DeleteSnapshotReturnCode{SnapshotId: &id, ReturnCode: new(deleteSnapshot(c, tx, id))})
		}
	}
	return out, nil
}

// deleteSnapshot deletes a snapshot of an image that is gone, as the caller, and
// says what came of it.
func deleteSnapshot(c *cloud.Call, tx store.Tx, id string) string {
	if _, used := OfSnapshot(c, tx, id); used {
		return api.SnapshotReturnCodesSkipped
	}
	_, err := api.DeleteSnapshot.Call(c, &api.DeleteSnapshotInput{SnapshotId: id})
	var refused *cloud.Error
	switch {
	case err == nil:
		return api.SnapshotReturnCodesSuccess
	case !errors.As(err, &refused) || refused.Server:
		return api.SnapshotReturnCodesInternalError
	case refused.Code == "UnauthorizedOperation":
		return api.SnapshotReturnCodesMissingPermissions
	}
	return api.SnapshotReturnCodesClientError
}

func (i *Image) remove(c *cloud.Call, tx store.Tx) {
	images.Delete(tx, i.Region, i.ID)
	resource.Unregister(c.In(i.Account, i.Region), tx, i.ID)
}

// emptyBin removes an image whose time in the Recycle Bin is over.
func emptyBin(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		i, ok := images.Get(tx, key...)
		switch {
		case !ok || i.Bin == nil:
		case i.Bin.Exit.After(c.Now):
			tx.After(i.Bin.Exit, binController, key)
		default:
			i.remove(c, tx)
		}
		return nil
	})
}

func inBin(c *cloud.Call, r store.Reader, id string) (*Image, error) {
	i, ok := images.Get(r, c.Region, id)
	if !ok || i.Bin == nil || i.Account != c.Account {
		return nil, errNotFound(id)
	}
	return i, nil
}

func listImagesInRecycleBin(c *cloud.Call, r store.Reader, in *api.ListImagesInRecycleBinInput) (*api.ListImagesInRecycleBinOutput, error) {
	found := func(yield func(*Image) bool) {
		for i := range images.Scan(r, c.Region) {
			if i.Bin != nil && i.Account == c.Account && !yield(i) {
				return
			}
		}
	}
	q := resource.Query{IDs: in.ImageIds, Max: in.MaxResults, Token: in.NextToken, NotFound: errNotFound}
	page, next, err := resource.List(c, r, q, found, func(i *Image) string { return i.ID }, nil)
	if err != nil {
		return nil, err
	}
	out := &api.ListImagesInRecycleBinOutput{Images: []api.ImageRecycleBinInfo{}, NextToken: next}
	for _, i := range page {
		out.Images = append(out.Images, api.ImageRecycleBinInfo{
			ImageId: &i.ID, Name: &i.Name, Description: optional(i.Description), RecycleBinEnterTime: &i.Bin.Entered, RecycleBinExitTime: &i.Bin.Exit,
		})
	}
	return out, nil
}

func restoreImageFromRecycleBin(c *cloud.Call, tx store.Tx, in *api.RestoreImageFromRecycleBinInput) (*api.RestoreImageFromRecycleBinOutput, error) {
	i, err := inBin(c, tx, in.ImageId)
	if err != nil {
		return nil, err
	}
	i.Bin = nil
	images.Put(tx, i)
	return &api.RestoreImageFromRecycleBinOutput{Return: new(true)}, nil
}

func enableImageDeprecation(c *cloud.Call, tx store.Tx, in *api.EnableImageDeprecationInput) (*api.EnableImageDeprecationOutput, error) {
	return &api.EnableImageDeprecationOutput{Return: new(true)}, change(c, tx, in.ImageId, func(i *Image) error {
		at := in.DeprecateAt.Round(time.Minute) // seconds are rounded, as the API reference has it
		if !at.After(c.Now) || at.After(c.Now.AddDate(10, 0, 0)) || i.Public && at.After(i.Created.Add(publicLife)) {
			return resource.Errorf("InvalidParameterValue", "The specified date must be in the future, at most 10 years from now, and at most 2 years from the creation of a public image")
		}
		i.Ended = at
		return nil
	})
}

func disableImageDeprecation(c *cloud.Call, tx store.Tx, in *api.DisableImageDeprecationInput) (*api.DisableImageDeprecationOutput, error) {
	return &api.DisableImageDeprecationOutput{Return: new(true)}, change(c, tx, in.ImageId, func(i *Image) error {
		i.Ended = time.Time{}
		return nil
	})
}

func disableImage(c *cloud.Call, tx store.Tx, in *api.DisableImageInput) (*api.DisableImageOutput, error) {
	return &api.DisableImageOutput{Return: new(true)}, change(c, tx, in.ImageId, func(i *Image) error {
		i.Disabled, i.Public, i.Shared, i.Orgs = true, false, nil, nil
		return nil
	})
}

func enableImage(c *cloud.Call, tx store.Tx, in *api.EnableImageInput) (*api.EnableImageOutput, error) {
	return &api.EnableImageOutput{Return: new(true)}, change(c, tx, in.ImageId, func(i *Image) error {
		i.Disabled = false
		return nil
	})
}

func enableImageDeregistrationProtection(c *cloud.Call, tx store.Tx, in *api.EnableImageDeregistrationProtectionInput) (*api.EnableImageDeregistrationProtectionOutput, error) {
	out := &api.EnableImageDeregistrationProtectionOutput{}
	return out, change(c, tx, in.ImageId, func(i *Image) error {
		i.Protection, i.Until = "enabled-without-cooldown", time.Time{}
		if cloud.Or(in.WithCooldown, false) {
			i.Protection = "enabled-with-cooldown"
		}
		out.Return = new(i.protection())
		return nil
	})
}

func disableImageDeregistrationProtection(c *cloud.Call, tx store.Tx, in *api.DisableImageDeregistrationProtectionInput) (*api.DisableImageDeregistrationProtectionOutput, error) {
	out := &api.DisableImageDeregistrationProtectionOutput{}
	return out, change(c, tx, in.ImageId, func(i *Image) error {
		if i.Protection == "enabled-with-cooldown" {
			i.Until = c.Now.Add(cooldown)
		} else {
			i.Protection = ""
		}
		out.Return = new(i.protection())
		return nil
	})
}
