package instance

import (
	"slices"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Access declares what each operation needs.
func (s *Room) Access() []cloud.Access {
	return append([]cloud.Access{
		api.RunInstances.Decides([]string{"ec2:RunInstances", "ec2:CreateTags", "iam:PassRole"}, s.runChecks),
		resource.Looks(&api.DescribeInstances),
		actsOnAll(&api.StartInstances, func(in *api.StartInstancesInput) []string { return in.InstanceIds }),
		actsOnAll(&api.StopInstances, func(in *api.StopInstancesInput) []string { return in.InstanceIds }),
		actsOnAll(&api.RebootInstances, func(in *api.RebootInstancesInput) []string { return in.InstanceIds }),
		actsOnAll(&api.TerminateInstances, func(in *api.TerminateInstancesInput) []string { return in.InstanceIds }),
		actsOnAll(&api.MonitorInstances, func(in *api.MonitorInstancesInput) []string { return in.InstanceIds }),
		actsOnAll(&api.UnmonitorInstances, func(in *api.UnmonitorInstancesInput) []string { return in.InstanceIds }),

		acts(&api.DescribeInstanceAttribute, func(in *api.DescribeInstanceAttributeInput) string { return in.InstanceId }),
		acts(&api.ModifyInstanceAttribute, func(in *api.ModifyInstanceAttributeInput) string { return in.InstanceId }),
		acts(&api.ResetInstanceAttribute, func(in *api.ResetInstanceAttributeInput) string { return in.InstanceId }),
		acts(&api.ModifyInstanceMetadataOptions, func(in *api.ModifyInstanceMetadataOptionsInput) string { return in.InstanceId }),
		resource.Looks(&api.GetInstanceMetadataDefaults),
		resource.Looks(&api.ModifyInstanceMetadataDefaults),
		acts(&api.ModifyInstanceCpuOptions, func(in *api.ModifyInstanceCpuOptionsInput) string { return in.InstanceId }),
		acts(&api.ModifyInstanceMaintenanceOptions, func(in *api.ModifyInstanceMaintenanceOptionsInput) string { return in.InstanceId }),
		acts(&api.ModifyPrivateDnsNameOptions, func(in *api.ModifyPrivateDnsNameOptionsInput) string { return in.InstanceId }),
		resource.Looks(&api.DescribeInstanceCreditSpecifications),
		actsOnAll(&api.ModifyInstanceCreditSpecification, func(in *api.ModifyInstanceCreditSpecificationInput) (ids []string) {
			for _, q := range in.InstanceCreditSpecifications {
				ids = append(ids, q.InstanceId)
			}
			return ids
		}),

		resource.Looks(&api.GetDefaultCreditSpecification),
		resource.Looks(&api.ModifyDefaultCreditSpecification),
		api.CreateReplaceRootVolumeTask.Decides([]string{"ec2:CreateReplaceRootVolumeTask"}, func(c *cloud.Call, r store.Reader, in *api.CreateReplaceRootVolumeTaskInput) ([]cloud.Check, error) {
			checks := resource.CreateChecks(c, "CreateReplaceRootVolumeTask", rootTaskKind, in.TagSpecifications)
			return append(checks, on(c, r, "CreateReplaceRootVolumeTask", in.InstanceId)), nil
		}),
		resource.Looks(&api.DescribeReplaceRootVolumeTasks),
		acts(&api.GetLaunchTemplateData, func(in *api.GetLaunchTemplateDataInput) string { return in.InstanceId }),

		resource.Looks(&api.DescribeInstanceStatus),
		actsOnAll(&api.ReportInstanceStatus, func(in *api.ReportInstanceStatusInput) []string { return in.Instances }),
		acts(&api.ModifyInstanceEventStartTime, func(in *api.ModifyInstanceEventStartTimeInput) string { return in.InstanceId }),
		acts(&api.GetConsoleOutput, func(in *api.GetConsoleOutputInput) string { return in.InstanceId }),
		acts(&api.GetConsoleScreenshot, func(in *api.GetConsoleScreenshotInput) string { return in.InstanceId }),
		acts(&api.GetPasswordData, func(in *api.GetPasswordDataInput) string { return in.InstanceId }),
		acts(&api.SendDiagnosticInterrupt, func(in *api.SendDiagnosticInterruptInput) string { return in.InstanceId }),
		resource.Looks(&api.GetSerialConsoleAccessStatus),
		resource.Looks(&api.EnableSerialConsoleAccess),
		resource.Looks(&api.DisableSerialConsoleAccess),

		acts(&api.ModifyInstancePlacement, func(in *api.ModifyInstancePlacementInput) string { return in.InstanceId }),
		resource.Creates(&api.CreatePlacementGroup, "placement-group", func(in *api.CreatePlacementGroupInput) []api.TagSpecification { return in.TagSpecifications }),
		api.DeletePlacementGroup.Needs("ec2:DeletePlacementGroup", func(c *cloud.Call, r store.Reader, in *api.DeletePlacementGroupInput) (cloud.Resource, error) {
			res := cloud.Resource{ARN: c.ARN("ec2", "placement-group/"+in.GroupName), Account: c.Account}
			if g, ok := placementGroups.Get(r, c.Account, c.Region, in.GroupName); ok {
				res.Tags = resource.Tags(c, r, g.ID).Map()
			}
			return res, nil
		}),
		resource.Looks(&api.DescribePlacementGroups),
		resource.Looks(&api.DescribeInstanceImageMetadata),
		resource.Looks(&api.DescribeInstanceTopology),
		resource.Looks(&api.DescribeInstanceTypes),
		resource.Looks(&api.DescribeInstanceTypeOfferings),
	}, slices.Concat(keyAccess(), windowAccess(), profileAccess(), bundleAccess())...)
}

func keyAccess() []cloud.Access {
	return []cloud.Access{
		resource.Creates(&api.CreateKeyPair, "key-pair", func(in *api.CreateKeyPairInput) []api.TagSpecification { return in.TagSpecifications }),
		resource.Creates(&api.ImportKeyPair, "key-pair", func(in *api.ImportKeyPairInput) []api.TagSpecification { return in.TagSpecifications }),
		resource.Looks(&api.DescribeKeyPairs),
		api.DeleteKeyPair.Needs("ec2:DeleteKeyPair", func(c *cloud.Call, r store.Reader, in *api.DeleteKeyPairInput) (cloud.Resource, error) {
			k, ok := findKeyPair(c, r, cloud.Or(in.KeyPairId, ""), cloud.Or(in.KeyName, ""))
			if !ok {
				return cloud.Resource{ARN: c.ARN("ec2", "key-pair/"+cloud.Or(in.KeyName, "*")), Account: c.Account}, nil
			}
			return cloud.Resource{ARN: c.ARN("ec2", "key-pair/"+k.Name), Account: c.Account, Tags: resource.Tags(c, r, k.ID).Map()}, nil
		}),
	}
}

func bundleAccess() []cloud.Access {
	return []cloud.Access{
		resource.Looks(&api.BundleInstance),
		resource.Looks(&api.CancelBundleTask),
		resource.Looks(&api.DescribeBundleTasks),
		acts(&api.ConfirmProductInstance, func(in *api.ConfirmProductInstanceInput) string { return in.InstanceId }),
		api.CreateInstanceExportTask.Decides([]string{"ec2:CreateInstanceExportTask"}, func(c *cloud.Call, r store.Reader, in *api.CreateInstanceExportTaskInput) ([]cloud.Check, error) {
			checks := resource.CreateChecks(c, "CreateInstanceExportTask", "export-instance-task", in.TagSpecifications)
			return append(checks, on(c, r, "CreateInstanceExportTask", in.InstanceId)), nil
		}),
		resource.Looks(&api.DescribeConversionTasks),
		resource.Looks(&api.CancelConversionTask),
		acts(&api.GetInstanceUefiData, func(in *api.GetInstanceUefiDataInput) string { return in.InstanceId }),
		acts(&api.GetInstanceTpmEkPub, func(in *api.GetInstanceTpmEkPubInput) string { return in.InstanceId }),
	}
}

func windowAccess() []cloud.Access {
	const kind = "instance-event-window"
	return []cloud.Access{
		resource.Creates(&api.CreateInstanceEventWindow, kind, func(in *api.CreateInstanceEventWindowInput) []api.TagSpecification { return in.TagSpecifications }),
		resource.Acts(&api.ModifyInstanceEventWindow, kind, func(in *api.ModifyInstanceEventWindowInput) string { return in.InstanceEventWindowId }),
		resource.Acts(&api.DeleteInstanceEventWindow, kind, func(in *api.DeleteInstanceEventWindowInput) string { return in.InstanceEventWindowId }),
		resource.Looks(&api.DescribeInstanceEventWindows),
		resource.Acts(&api.AssociateInstanceEventWindow, kind, func(in *api.AssociateInstanceEventWindowInput) string { return in.InstanceEventWindowId }),
		resource.Acts(&api.DisassociateInstanceEventWindow, kind, func(in *api.DisassociateInstanceEventWindowInput) string { return in.InstanceEventWindowId }),
	}
}

func profileAccess() []cloud.Access {
	// ofAssociation is the instance that an association belongs to.
	ofAssociation := func(c *cloud.Call, r store.Reader, action, id string) cloud.Check {
		i, err := associated(c, r, id)
		if err != nil {
			return cloud.Check{Action: "ec2:" + action, Resource: resource.New(c, "instance")}
		}
		return on(c, r, action, i.ID)
	}
	return []cloud.Access{
		api.AssociateIamInstanceProfile.Decides([]string{"ec2:AssociateIamInstanceProfile", "iam:PassRole"},
			func(c *cloud.Call, r store.Reader, in *api.AssociateIamInstanceProfileInput) ([]cloud.Check, error) {
				return append(passes(c, r, &in.IamInstanceProfile), on(c, r, "AssociateIamInstanceProfile", in.InstanceId)), nil
			}),
		api.ReplaceIamInstanceProfileAssociation.Decides([]string{"ec2:ReplaceIamInstanceProfileAssociation", "iam:PassRole"},
			func(c *cloud.Call, r store.Reader, in *api.ReplaceIamInstanceProfileAssociationInput) ([]cloud.Check, error) {
				return append(passes(c, r, &in.IamInstanceProfile), ofAssociation(c, r, "ReplaceIamInstanceProfileAssociation", in.AssociationId)), nil
			}),
		api.DisassociateIamInstanceProfile.Decides([]string{"ec2:DisassociateIamInstanceProfile"},
			func(c *cloud.Call, r store.Reader, in *api.DisassociateIamInstanceProfileInput) ([]cloud.Check, error) {
				return []cloud.Check{ofAssociation(c, r, "DisassociateIamInstanceProfile", in.AssociationId)}, nil
			}),
		resource.Looks(&api.DescribeIamInstanceProfileAssociations),
	}
}
