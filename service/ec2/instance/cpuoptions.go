package instance

import (
	"slices"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// modifyInstanceCpuOptions gives a stopped instance other cores and threads of
// those that its type may have.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-cpu-options-rules.html
func modifyInstanceCpuOptions(c *cloud.Call, tx store.Tx, in *api.ModifyInstanceCpuOptionsInput) (*api.ModifyInstanceCpuOptionsOutput, error) {
	var out *api.ModifyInstanceCpuOptionsOutput
	return out, change(c, tx, in.InstanceId, func(i *Instance) error {
		t := i.Kind()
		switch {
		case i.State != Stopped:
			return errNotStopped(i.ID)
		case cloud.Or(in.NestedVirtualization, "disabled") != "disabled":
			return errNested(i.Type)
		case in.NestedVirtualization == nil && in.CoreCount == nil && in.ThreadsPerCore == nil:
			return resource.Missing("CoreCount")
		}
		cores, threads := cloud.Or(in.CoreCount, int32(i.Cores)), cloud.Or(in.ThreadsPerCore, int32(i.Threads))
		same := int(cores) == t.cores && int(threads) == t.threads
		if !same && (!slices.Contains(t.validCores, cores) || !slices.Contains(t.validThreads, threads)) {
			return errCPU(t, cores, threads)
		}
		i.Cores, i.Threads = int(cores), int(threads)
		out = &api.ModifyInstanceCpuOptionsOutput{InstanceId: &in.InstanceId, CoreCount: &cores, ThreadsPerCore: &threads}
		return nil
	})
}

func errNested(kind string) *cloud.Error {
	return resource.Unsupported("The instance type %s does not support nested virtualization.", kind)
}

func errCPU(t *Type, cores, threads int32) error {
	return resource.Errorf("InvalidParameterCombination", "CPU options with %d cores and %d threads per core are not supported for the instance type %s.", cores, threads, t.Name)
}
