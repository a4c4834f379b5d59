package instance

import (
	api "pileus/api/ec2"
	"pileus/cloud"
)

// Bindings are the operations of instances.
func (s *Room) Bindings() []cloud.Binding {
	return []cloud.Binding{
		api.RunInstances.Update(s.runInstances),
		api.DescribeInstances.View(s.describeInstances),
		api.StartInstances.Update(s.startInstances),
		api.StopInstances.Update(s.stopInstances),
		api.RebootInstances.Update(s.rebootInstances),
		api.TerminateInstances.Serve(s.terminateInstances),
		api.GetLaunchTemplateData.View(s.getLaunchTemplateData),
		api.CreateReplaceRootVolumeTask.Update(s.createReplaceRootVolumeTask),
		api.DescribeReplaceRootVolumeTasks.View(describeReplaceRootVolumeTasks),
		api.MonitorInstances.Update(s.monitorInstances),
		api.UnmonitorInstances.Update(s.unmonitorInstances),

		api.DescribeInstanceAttribute.View(s.describeInstanceAttribute),
		api.ModifyInstanceAttribute.Update(modifyInstanceAttribute),
		api.ResetInstanceAttribute.Update(resetInstanceAttribute),
		api.ModifyInstanceMetadataOptions.Update(modifyInstanceMetadataOptions),
		api.GetInstanceMetadataDefaults.View(getInstanceMetadataDefaults),
		api.ModifyInstanceMetadataDefaults.Update(modifyInstanceMetadataDefaults),
		api.ModifyInstanceCpuOptions.Update(modifyInstanceCpuOptions),
		api.ModifyInstanceMaintenanceOptions.Update(modifyInstanceMaintenanceOptions),
		api.ModifyPrivateDnsNameOptions.Update(modifyPrivateDnsNameOptions),
		api.DescribeInstanceCreditSpecifications.View(describeInstanceCreditSpecifications),
		api.ModifyInstanceCreditSpecification.Update(modifyInstanceCreditSpecification),
		api.GetDefaultCreditSpecification.View(getDefaultCreditSpecification),
		api.ModifyDefaultCreditSpecification.Update(modifyDefaultCreditSpecification),

		api.DescribeInstanceStatus.Serve(s.describeInstanceStatus),
		api.ReportInstanceStatus.Update(reportInstanceStatus),
		api.ModifyInstanceEventStartTime.Update(s.modifyInstanceEventStartTime),
		api.CreateInstanceEventWindow.Update(createInstanceEventWindow),
		api.ModifyInstanceEventWindow.Update(modifyInstanceEventWindow),
		api.DeleteInstanceEventWindow.Update(deleteInstanceEventWindow),
		api.DescribeInstanceEventWindows.View(describeInstanceEventWindows),
		api.AssociateInstanceEventWindow.Update(associateInstanceEventWindow),
		api.DisassociateInstanceEventWindow.Update(disassociateInstanceEventWindow),

		api.GetConsoleOutput.Serve(s.getConsoleOutput),
		api.GetConsoleScreenshot.Serve(s.getConsoleScreenshot),
		api.GetPasswordData.Serve(s.getPasswordData),
		api.SendDiagnosticInterrupt.Update(sendDiagnosticInterrupt),
		api.GetSerialConsoleAccessStatus.View(getSerialConsoleAccessStatus),
		api.EnableSerialConsoleAccess.Update(enableSerialConsoleAccess),
		api.DisableSerialConsoleAccess.Update(disableSerialConsoleAccess),

		api.BundleInstance.View(bundleInstance),
		api.CancelBundleTask.View(cancelBundleTask),
		api.DescribeBundleTasks.View(describeBundleTasks),
		api.ConfirmProductInstance.View(confirmProductInstance),
		api.CreateInstanceExportTask.View(createInstanceExportTask).Partial("no instance counts as imported: export its image"),
		api.DescribeConversionTasks.View(describeConversionTasks),
		api.CancelConversionTask.View(cancelConversionTask),
		api.GetInstanceUefiData.View(getInstanceUefiData).Partial("the variables of machines that boot by UEFI are kept, and not shown"),
		api.GetInstanceTpmEkPub.View(getInstanceTpmEkPub).Partial("no machine has a NitroTPM"),

		api.CreateKeyPair.Serve(createKeyPair),
		api.ImportKeyPair.Update(importKeyPair),
		api.DescribeKeyPairs.View(describeKeyPairs),
		api.DeleteKeyPair.Update(deleteKeyPair),

		api.AssociateIamInstanceProfile.Update(associateIamInstanceProfile),
		api.DisassociateIamInstanceProfile.Update(disassociateIamInstanceProfile),
		api.ReplaceIamInstanceProfileAssociation.Update(replaceIamInstanceProfileAssociation),
		api.DescribeIamInstanceProfileAssociations.View(describeIamInstanceProfileAssociations),

		api.CreatePlacementGroup.Update(createPlacementGroup),
		api.DeletePlacementGroup.Update(deletePlacementGroup),
		api.DescribePlacementGroups.View(describePlacementGroups),
		api.ModifyInstancePlacement.Update(modifyInstancePlacement),
		api.DescribeInstanceImageMetadata.View(s.describeInstanceImageMetadata),
		api.DescribeInstanceTopology.View(s.describeInstanceTopology),

		api.DescribeInstanceTypes.View(describeInstanceTypes),
		api.DescribeInstanceTypeOfferings.View(describeInstanceTypeOfferings),
	}
}
