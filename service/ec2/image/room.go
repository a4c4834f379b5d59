package image

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/ebs"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Room is the part of EC2 that is images.
type Room struct {
	plane plane.Volumes
	// Disks is the room of volumes. It is set when the rooms are put together.
	Disks *ebs.Room
	// Instance tells what CreateImage has to know of an instance. It is set
	// when the rooms are put together.
	Instance func(c *cloud.Call, r store.Reader, id string) (Instance, error)
	// Reboot has an instance restart, as CreateImage does unless it is told not to.
	Reboot func(c *cloud.Call, tx store.Tx, id string) error

	arriving arrivals // what is being imported
}

// Instance is what an image takes over from the instance that it is made of.
type Instance struct {
	Image        string // id of the image that it was launched from
	RootDevice   string
	Architecture string
	NoENA        bool
	Running      bool
}

// New makes the room over a data plane.
func New(p plane.Volumes) *Room { return &Room{plane: p} }

// Room is what it contributes to EC2.
func (s *Room) Room() resource.Room {
	return resource.Room{
		Operations: []cloud.Binding{
			api.CancelImageLaunchPermission.Update(cancelImageLaunchPermission),
			api.CancelExportTask.Update(cancelExportTask),
			api.CancelImportTask.Update(cancelImportTask),
			api.CopyImage.Update(copyImage),
			api.CreateImage.Update(s.createImage),
			api.CreateRestoreImageTask.Serve(createRestoreImageTask),
			api.CreateStoreImageTask.Update(createStoreImageTask),
			api.DeregisterImage.Update(deregisterImage),
			api.DescribeExportImageTasks.View(describeExportImageTasks),
			api.DescribeExportTasks.View(describeExportTasks),
			api.DescribeFastLaunchImages.View(describeFastLaunchImages),
			api.DescribeImageAttribute.View(describeImageAttribute),
			api.DescribeImages.View(describeImages),
			api.DescribeImportImageTasks.View(describeImportImageTasks),
			api.DescribeStoreImageTasks.View(describeStoreImageTasks),
			api.DisableAllowedImagesSettings.Update(disableAllowedImagesSettings),
			api.DisableFastLaunch.Update(disableFastLaunch),
			api.DisableImage.Update(disableImage),
			api.DisableImageBlockPublicAccess.Update(disableImageBlockPublicAccess),
			api.DisableImageDeprecation.Update(disableImageDeprecation),
			api.DisableImageDeregistrationProtection.Update(disableImageDeregistrationProtection),
			api.EnableAllowedImagesSettings.Update(enableAllowedImagesSettings),
			api.EnableFastLaunch.Update(enableFastLaunch).Partial("nothing is prepared: launches are as fast as they get"),
			api.EnableImage.Update(enableImage),
			api.EnableImageBlockPublicAccess.Update(enableImageBlockPublicAccess),
			api.EnableImageDeprecation.Update(enableImageDeprecation),
			api.EnableImageDeregistrationProtection.Update(enableImageDeregistrationProtection),
			api.ExportImage.Update(exportImage),
			api.GetAllowedImagesSettings.View(getAllowedImagesSettings),
			api.GetImageBlockPublicAccessState.View(getImageBlockPublicAccessState),
			api.GetImageAncestry.View(getImageAncestry),
			api.ImportImage.Update(importImage).Partial("disk images of the formats RAW, VHD and VMDK; no VHDX, no OVA; systems are taken as they are"),
			api.ListImagesInRecycleBin.View(listImagesInRecycleBin),
			api.ModifyImageAttribute.Update(modifyImageAttribute),
			api.RegisterImage.Update(registerImage),
			api.ReplaceImageCriteriaInAllowedImagesSettings.Update(replaceImageCriteria),
			api.ResetImageAttribute.Update(resetImageAttribute),
			api.RestoreImageFromRecycleBin.Update(restoreImageFromRecycleBin),
		},
		Access:      access(),
		Controllers: []cloud.Controller{{Name: binController, Reconcile: emptyBin}, {Name: taskController, Reconcile: s.perform}, {Name: sweepController, Reconcile: s.sweep}},
		Count: func(r store.Reader) map[string]int {
			n := 0
			for range images.Scan(r) {
				n++
			}
			return map[string]int{"images": n}
		},
		Start: s.start,
		Web:   s.web,
	}
}
