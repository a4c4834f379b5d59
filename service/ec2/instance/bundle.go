package instance

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// What only instances of other kinds have: those with a root in the instance
// store (bundles), of AWS Marketplace (product codes), brought from elsewhere
// (conversions, exports), with firmware of their own (UEFI variables, TPM).
// Asked about these, an account without such instances gets these answers.

// bundleInstance refuses: only Windows instances with a root in the instance
// store can be bundled, and there are none.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_BundleInstance.html
func bundleInstance(c *cloud.Call, r store.Reader, in *api.BundleInstanceInput) (*api.BundleInstanceOutput, error) {
	i, err := Find(c, r, in.InstanceId)
	switch {
	case err != nil:
		return nil, err
	case in.Storage.S3 == nil || cloud.Or(in.Storage.S3.Bucket, "") == "":
		return nil, resource.Missing("Storage.S3.Bucket")
	}
	return nil, resource.Unsupported("The instance '%s' can't be bundled: only Windows instances with an instance store root volume can. Use CreateImage.", i.ID)
}

func errNoBundle(id string) *cloud.Error {
	return resource.Errorf("InvalidBundleID.NotFound", "The bundle ID '%s' does not exist", id)
}

func cancelBundleTask(_ *cloud.Call, _ store.Reader, in *api.CancelBundleTaskInput) (*api.CancelBundleTaskOutput, error) {
	return nil, errNoBundle(in.BundleId)
}

func describeBundleTasks(_ *cloud.Call, _ store.Reader, in *api.DescribeBundleTasksInput) (*api.DescribeBundleTasksOutput, error) {
	if len(in.BundleIds) > 0 {
		return nil, errNoBundle(in.BundleIds[0])
	}
	return &api.DescribeBundleTasksOutput{BundleTasks: []api.BundleTask{}}, nil
}

// confirmProductInstance tells whether the instance has a product code: none has.
func confirmProductInstance(c *cloud.Call, r store.Reader, in *api.ConfirmProductInstanceInput) (*api.ConfirmProductInstanceOutput, error) {
	_, err := Find(c, r, in.InstanceId)
	return &api.ConfirmProductInstanceOutput{Return: new(false)}, err
}

// createInstanceExportTask refuses: only what was imported can be exported.
// https://docs.aws.amazon.com/vm-import/latest/userguide/vmexport-limits.html
func createInstanceExportTask(c *cloud.Call, r store.Reader, in *api.CreateInstanceExportTaskInput) (*api.CreateInstanceExportTaskOutput, error) {
	if _, err := Find(c, r, in.InstanceId); err != nil {
		return nil, err
	}
	return nil, resource.Errorf("NotExportable", "Only imported instances can be exported.")
}

func errNoConversion(id string) *cloud.Error {
	return resource.Errorf("InvalidConversionTaskId", "The conversion task ID '%s' does not exist", id)
}

func describeConversionTasks(_ *cloud.Call, _ store.Reader, in *api.DescribeConversionTasksInput) (*api.DescribeConversionTasksOutput, error) {
	if len(in.ConversionTaskIds) > 0 {
		return nil, errNoConversion(in.ConversionTaskIds[0])
	}
	return &api.DescribeConversionTasksOutput{ConversionTasks: []api.ConversionTask{}}, nil
}

func cancelConversionTask(_ *cloud.Call, _ store.Reader, in *api.CancelConversionTaskInput) (*cloud.Empty, error) {
	return nil, errNoConversion(in.ConversionTaskId)
}

// getInstanceUefiData refuses: what a machine's firmware keeps is not shown.
func getInstanceUefiData(c *cloud.Call, r store.Reader, in *api.GetInstanceUefiDataInput) (*api.GetInstanceUefiDataOutput, error) {
	i, err := Find(c, r, in.InstanceId)
	if err != nil {
		return nil, err
	}
	if mode := i.bootMode(); mode != string(plane.UEFI) {
		return nil, resource.Unsupported("The instance '%s' has no UEFI variable store: its boot mode is %s.", i.ID, mode)
	}
	return nil, resource.Unsupported("The UEFI variables of the instance '%s' are kept, and not shown.", i.ID)
}

// getInstanceTpmEkPub refuses: machines here have no NitroTPM.
func getInstanceTpmEkPub(c *cloud.Call, r store.Reader, in *api.GetInstanceTpmEkPubInput) (*api.GetInstanceTpmEkPubOutput, error) {
	i, err := Find(c, r, in.InstanceId)
	if err != nil {
		return nil, err
	}
	return nil, resource.Unsupported("The instance '%s' is not enabled for NitroTPM.", i.ID)
}
