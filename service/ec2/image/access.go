package image

import (
	"strings"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// access declares what each operation needs.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
func access() []cloud.Access {
	return []cloud.Access{
		resource.Looks(&api.DescribeImages),
		resource.Looks(&api.DisableImageBlockPublicAccess),
		resource.Looks(&api.EnableImageBlockPublicAccess),
		resource.Looks(&api.GetImageBlockPublicAccessState),
		resource.Looks(&api.EnableAllowedImagesSettings),
		resource.Looks(&api.DisableAllowedImagesSettings),
		resource.Looks(&api.GetAllowedImagesSettings),
		resource.Looks(&api.ReplaceImageCriteriaInAllowedImagesSettings),
		resource.Looks(&api.DescribeExportImageTasks),
		resource.Looks(&api.DescribeExportTasks),
		resource.Looks(&api.DescribeFastLaunchImages),
		resource.Looks(&api.DescribeImportImageTasks),
		resource.Looks(&api.DescribeStoreImageTasks),
		resource.Creates(&api.ImportImage, importImageTag, func(in *api.ImportImageInput) []api.TagSpecification { return in.TagSpecifications }),
		api.CancelImportTask.Needs("ec2:CancelImportTask", func(c *cloud.Call, r store.Reader, in *api.CancelImportTaskInput) (cloud.Resource, error) {
			id := cloud.Or(in.ImportTaskId, "")
			if strings.HasPrefix(id, "import-snap-") {
				return resource.On(c, r, "import-snapshot-task", id), nil
			}
			return resource.On(c, r, importImageTag, id), nil
		}),
		resource.Acts(&api.CancelExportTask, exportImageTag, func(in *api.CancelExportTaskInput) string { return in.ExportTaskId }),
		api.ExportImage.Decides([]string{"ec2:ExportImage"}, func(c *cloud.Call, r store.Reader, in *api.ExportImageInput) ([]cloud.Check, error) {
			checks := resource.CreateChecks(c, "ExportImage", exportImageTag, in.TagSpecifications)
			return append(checks, cloud.Check{Action: "ec2:ExportImage", Resource: resource.On(c, r, kind, in.ImageId)}), nil
		}),
		api.CreateRestoreImageTask.Decides([]string{"ec2:CreateRestoreImageTask"}, func(c *cloud.Call, _ store.Reader, in *api.CreateRestoreImageTaskInput) ([]cloud.Check, error) {
			return creates(c, "CreateRestoreImageTask", in.TagSpecifications), nil
		}),
		on(&api.CreateStoreImageTask, func(in *api.CreateStoreImageTaskInput) string { return in.ImageId }),
		on(&api.DisableFastLaunch, func(in *api.DisableFastLaunchInput) string { return in.ImageId }),
		on(&api.EnableFastLaunch, func(in *api.EnableFastLaunchInput) string { return in.ImageId }),
		on(&api.CancelImageLaunchPermission, func(in *api.CancelImageLaunchPermissionInput) string { return in.ImageId }),
		on(&api.DeregisterImage, func(in *api.DeregisterImageInput) string { return in.ImageId }),
		on(&api.DescribeImageAttribute, func(in *api.DescribeImageAttributeInput) string { return in.ImageId }),
		on(&api.DisableImage, func(in *api.DisableImageInput) string { return in.ImageId }),
		on(&api.DisableImageDeprecation, func(in *api.DisableImageDeprecationInput) string { return in.ImageId }),
		on(&api.DisableImageDeregistrationProtection, func(in *api.DisableImageDeregistrationProtectionInput) string { return in.ImageId }),
		on(&api.EnableImage, func(in *api.EnableImageInput) string { return in.ImageId }),
		on(&api.EnableImageDeprecation, func(in *api.EnableImageDeprecationInput) string { return in.ImageId }),
		on(&api.EnableImageDeregistrationProtection, func(in *api.EnableImageDeregistrationProtectionInput) string { return in.ImageId }),
		on(&api.GetImageAncestry, func(in *api.GetImageAncestryInput) string { return in.ImageId }),
		on(&api.ModifyImageAttribute, func(in *api.ModifyImageAttributeInput) string { return in.ImageId }),
		on(&api.ResetImageAttribute, func(in *api.ResetImageAttributeInput) string { return in.ImageId }),
		on(&api.RestoreImageFromRecycleBin, func(in *api.RestoreImageFromRecycleBinInput) string { return in.ImageId }),
		api.ListImagesInRecycleBin.Needs("ec2:ListImagesInRecycleBin", nil),
		api.CreateImage.Decides([]string{"ec2:CreateImage"}, func(c *cloud.Call, r store.Reader, in *api.CreateImageInput) ([]cloud.Check, error) {
			checks := creates(c, "CreateImage", in.TagSpecifications)
			return append(checks, cloud.Check{Action: "ec2:CreateImage", Resource: resource.On(c, r, "instance", in.InstanceId)}), nil
		}),
		api.RegisterImage.Decides([]string{"ec2:RegisterImage"}, func(c *cloud.Call, r store.Reader, in *api.RegisterImageInput) ([]cloud.Check, error) {
			checks := creates(c, "RegisterImage", in.TagSpecifications)
			for _, m := range in.BlockDeviceMappings {
				if m.Ebs != nil && m.Ebs.SnapshotId != nil {
					res := resource.On(c, r, "snapshot", *m.Ebs.SnapshotId)
					res.ARN = bare(c, "snapshot", *m.Ebs.SnapshotId)
					checks = append(checks, cloud.Check{Action: "ec2:RegisterImage", Resource: res})
				}
			}
			return checks, nil
		}),
		api.CopyImage.Decides([]string{"ec2:CopyImage"}, func(c *cloud.Call, _ store.Reader, in *api.CopyImageInput) ([]cloud.Check, error) {
			return creates(c, "CopyImage", in.TagSpecifications), nil
		}),
	}
}

// bare is the ARN of a resource whose ARNs name no account: images, snapshots.
func bare(c *cloud.Call, kind, id string) string {
	return cloud.ARN{Partition: c.Partition, Service: "ec2", Region: c.Region, Resource: kind + "/" + id}.String()
}

func creates(c *cloud.Call, operation string, specs []api.TagSpecification) []cloud.Check {
	checks := resource.CreateChecks(c, operation, kind, specs)
	for n := range checks {
		checks[n].Resource.ARN = bare(c, kind, "*")
	}
	return checks
}

func on[In, Out any](o *cloud.Op[In, Out], id func(In) string) cloud.Access {
	return o.Needs("ec2:"+o.Name, func(c *cloud.Call, r store.Reader, in In) (cloud.Resource, error) {
		res := resource.On(c, r, kind, id(in))
		res.ARN = bare(c, kind, id(in))
		return res, nil
	})
}
