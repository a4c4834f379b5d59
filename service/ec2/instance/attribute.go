package instance

import (
	"encoding/base64"
	"slices"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/ebs"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

func flag(b bool) *api.AttributeBooleanValue { return &api.AttributeBooleanValue{Value: &b} }

func text(s string) *api.AttributeValue { return &api.AttributeValue{Value: optional(s)} }

// attributes are those that DescribeInstanceAttribute tells, by name.
var attributes = map[string]func(v *view, out *api.DescribeInstanceAttributeOutput){
	"instanceType": func(v *view, out *api.DescribeInstanceAttributeOutput) { out.InstanceType = text(v.Type) },
	"kernel":       func(_ *view, out *api.DescribeInstanceAttributeOutput) { out.KernelId = text("") },
	"ramdisk":      func(_ *view, out *api.DescribeInstanceAttributeOutput) { out.RamdiskId = text("") },
	"disableApiTermination": func(v *view, out *api.DescribeInstanceAttributeOutput) {
		out.DisableApiTermination = flag(v.NoTermination)
	},
	"disableApiStop": func(v *view, out *api.DescribeInstanceAttributeOutput) { out.DisableApiStop = flag(v.NoStop) },
	"instanceInitiatedShutdownBehavior": func(v *view, out *api.DescribeInstanceAttributeOutput) {
		out.InstanceInitiatedShutdownBehavior = text(v.shutdownBehavior())
	},
	"rootDeviceName":     func(v *view, out *api.DescribeInstanceAttributeOutput) { out.RootDeviceName = text(v.RootDevice) },
	"blockDeviceMapping": func(v *view, out *api.DescribeInstanceAttributeOutput) { out.BlockDeviceMappings = v.blockDevices() },
	"productCodes":       func(_ *view, out *api.DescribeInstanceAttributeOutput) { out.ProductCodes = []api.ProductCode{} },
	"sourceDestCheck": func(v *view, out *api.DescribeInstanceAttributeOutput) {
		p := v.primary()
		out.SourceDestCheck = flag(p != nil && p.SourceCheck)
	},
	"groupSet": func(v *view, out *api.DescribeInstanceAttributeOutput) {
		if p := v.primary(); p != nil {
			out.Groups = v.groupNames(p.Groups)
		}
	},
	"ebsOptimized":    func(v *view, out *api.DescribeInstanceAttributeOutput) { out.EbsOptimized = flag(v.EBSOptimized) },
	"sriovNetSupport": func(_ *view, out *api.DescribeInstanceAttributeOutput) { out.SriovNetSupport = text("simple") },
	"enaSupport":      func(v *view, out *api.DescribeInstanceAttributeOutput) { out.EnaSupport = flag(!v.NoENA) },
	"enclaveOptions": func(v *view, out *api.DescribeInstanceAttributeOutput) {
		out.EnclaveOptions = &api.EnclaveOptions{Enabled: &v.Enclave}
	},
	"userData": func(v *view, out *api.DescribeInstanceAttributeOutput) {
		out.UserData = &api.AttributeValue{}
		if u, ok := userDatas.Get(v.r, v.key()...); ok {
			out.UserData = text(base64.StdEncoding.EncodeToString(u.Data))
		}
	},
}

func (i *Instance) shutdownBehavior() string {
	if i.TerminateOnShutdown {
		return "terminate"
	}
	return "stop"
}

func (s *Room) describeInstanceAttribute(c *cloud.Call, r store.Reader, in *api.DescribeInstanceAttributeInput) (*api.DescribeInstanceAttributeOutput, error) {
	i, err := Find(c, r, in.InstanceId)
	if err != nil {
		return nil, err
	}
	tell, ok := attributes[in.Attribute]
	if !ok {
		return nil, resource.Invalid(in.Attribute, "attribute")
	}
	out := &api.DescribeInstanceAttributeOutput{InstanceId: &i.ID}
	tell(&view{Instance: i, book: newBook(c, r), room: s}, out)
	return out, nil
}

// edit is one attribute that a request changes.
type edit struct {
	name    string
	stopped bool // only while the instance is stopped
	apply   func(c *cloud.Call, tx store.Tx, i *Instance) error
}

// modifyInstanceAttribute changes one attribute, given by its own member or by
// name and value.
func modifyInstanceAttribute(c *cloud.Call, tx store.Tx, in *api.ModifyInstanceAttributeInput) (*cloud.Empty, error) {
	edits, err := edits(in)
	if err != nil {
		return nil, err
	}
	if len(edits) == 0 {
		return nil, resource.Errorf("InvalidParameterCombination", "No attributes specified.")
	}
	if len(edits) > 1 {
		return nil, resource.Errorf("InvalidParameterCombination", "Fields for multiple attribute types specified: %s", names(edits))
	}
	e := edits[0]
	return &cloud.Empty{}, change(c, tx, in.InstanceId, func(i *Instance) error {
		if i.State.gone() {
			return errState(i.ID, "modified")
		}
		if e.stopped && i.State != Stopped {
			return errNotStopped(i.ID)
		}
		return e.apply(c, tx, i)
	})
}

func names(edits []edit) (out string) {
	for n, e := range edits {
		if n > 0 {
			out += ", "
		}
		out += e.name
	}
	return out
}

// edits are what a request asks to change.
func edits(in *api.ModifyInstanceAttributeInput) (list []edit, err error) {
	add := func(given bool, name string, stopped bool, apply func(c *cloud.Call, tx store.Tx, i *Instance) error) {
		if given {
			list = append(list, edit{name, stopped, apply})
		}
	}
	if in.Attribute != nil && in.Value != nil {
		if in, err = named(in); err != nil {
			return nil, err
		}
	}
	set := func(p *api.AttributeBooleanValue, to func(i *Instance) *bool) func(*cloud.Call, store.Tx, *Instance) error {
		return func(_ *cloud.Call, _ store.Tx, i *Instance) error {
			*to(i) = cloud.Or(p.Value, false)
			return nil
		}
	}
	add(in.DisableApiTermination != nil, "disableApiTermination", false, set(in.DisableApiTermination, func(i *Instance) *bool { return &i.NoTermination }))
	add(in.DisableApiStop != nil, "disableApiStop", false, set(in.DisableApiStop, func(i *Instance) *bool { return &i.NoStop }))
	add(in.EbsOptimized != nil, "ebsOptimized", true, set(in.EbsOptimized, func(i *Instance) *bool { return &i.EBSOptimized }))
	add(in.EnclaveOptions != nil, "enclaveOptions", true, func(_ *cloud.Call, _ store.Tx, i *Instance) error {
		on := cloud.Or(in.EnclaveOptions.Enabled, false)
		if on && !i.Kind().has('n') {
			return errNoEnclaves(i.Kind())
		}
		if on && i.Hibernation {
			return errEnclaveHibernates
		}
		i.Enclave = on
		return nil
	})
	add(in.EnaSupport != nil, "enaSupport", true, func(_ *cloud.Call, _ store.Tx, i *Instance) error {
		i.NoENA = !cloud.Or(in.EnaSupport.Value, true)
		return nil
	})
	add(in.InstanceType != nil, "instanceType", true, func(c *cloud.Call, tx store.Tx, i *Instance) error { return i.resize(c, tx, in.InstanceType) })
	add(in.UserData != nil, "userData", true, func(_ *cloud.Call, tx store.Tx, i *Instance) error { return i.setUserData(tx, in.UserData.Value) })
	add(in.InstanceInitiatedShutdownBehavior != nil, "instanceInitiatedShutdownBehavior", false, func(_ *cloud.Call, _ store.Tx, i *Instance) error {
		return i.setShutdown(cloud.Or(in.InstanceInitiatedShutdownBehavior.Value, ""))
	})
	add(in.SourceDestCheck != nil, "sourceDestCheck", false, func(c *cloud.Call, tx store.Tx, i *Instance) error {
		return vpc.SetSourceCheck(c, tx, i.ID, cloud.Or(in.SourceDestCheck.Value, true))
	})
	add(len(in.Groups) > 0, "groupSet", false, func(c *cloud.Call, tx store.Tx, i *Instance) error {
		return vpc.SetGroups(c, tx, i.ID, in.Groups)
	})
	add(len(in.BlockDeviceMappings) > 0, "blockDeviceMapping", false, func(c *cloud.Call, tx store.Tx, i *Instance) error {
		return setDeletion(c, tx, i, in.BlockDeviceMappings)
	})
	for name, p := range map[string]*api.AttributeValue{"kernel": in.Kernel, "ramdisk": in.Ramdisk} {
		add(p != nil, name, true, func(*cloud.Call, store.Tx, *Instance) error {
			return resource.Unsupported("The attribute '%s' applies to paravirtual instances only.", name)
		})
	}
	add(in.SriovNetSupport != nil, "sriovNetSupport", true, func(*cloud.Call, store.Tx, *Instance) error { return nil }) // "simple" is the only value, and cannot be taken back
	return list, nil
}

// named is a request that gives an attribute by name and value, as one that
// gives it by its member.
func named(in *api.ModifyInstanceAttributeInput) (*api.ModifyInstanceAttributeInput, error) {
	d := *in
	value := &api.AttributeValue{Value: in.Value}
	truth := &api.AttributeBooleanValue{Value: new(*in.Value == "true")}
	switch *in.Attribute {
	case "disableApiTermination":
		d.DisableApiTermination = truth
	case "disableApiStop":
		d.DisableApiStop = truth
	case "ebsOptimized":
		d.EbsOptimized = truth
	case "enaSupport":
		d.EnaSupport = truth
	case "sourceDestCheck":
		d.SourceDestCheck = truth
	case "instanceType":
		d.InstanceType = value
	case "instanceInitiatedShutdownBehavior":
		d.InstanceInitiatedShutdownBehavior = value
	case "kernel":
		d.Kernel = value
	case "ramdisk":
		d.Ramdisk = value
	case "userData":
		data, err := decodeUserData(*in.Value)
		if err != nil {
			return nil, err
		}
		d.UserData = &api.BlobAttributeValue{Value: data}
	default:
		return nil, resource.Invalid(*in.Attribute, "attribute")
	}
	return &d, nil
}

// resize gives a stopped instance another type.
func (i *Instance) resize(c *cloud.Call, r store.Reader, value *api.AttributeValue) error {
	name := cloud.Or(value.Value, "")
	t, ok := FindType(name)
	if !ok {
		return errType(name)
	}
	if !slices.Contains(t.Architectures, i.Architecture) {
		return errArchitecture(t, i.Architecture)
	}
	i.Type, i.Cores, i.Threads, i.Store, i.Asleep = t.Name, t.cores, t.threads, storeOf(t, nil), false
	if !t.Burstable() {
		i.Credits = ""
	} else if i.Credits == "" {
		i.Credits = defaultCredits(c, r, t.Family())
	}
	return nil
}

func (i *Instance) setUserData(tx store.Tx, data []byte) error {
	if err := checkUserData(data); err != nil {
		return err
	}
	if len(data) == 0 {
		userDatas.Delete(tx, i.key()...)
		return nil
	}
	userDatas.Put(tx, &userData{Account: i.Account, Region: i.Region, ID: i.ID, Data: data})
	return nil
}

func (i *Instance) setShutdown(to string) error {
	if !oneOf(&to, "stop", "terminate") {
		return resource.Invalid(to, "instanceInitiatedShutdownBehavior")
	}
	i.TerminateOnShutdown = to == "terminate"
	return nil
}

// setDeletion says which volumes end with the instance.
func setDeletion(c *cloud.Call, tx store.Tx, i *Instance, list []api.InstanceBlockDeviceMappingSpecification) error {
	for _, m := range list {
		if m.Ebs == nil || m.Ebs.DeleteOnTermination == nil {
			continue
		}
		if device := cloud.Or(m.DeviceName, ""); !ebs.DeleteOnTermination(c, tx, i.ID, device, *m.Ebs.DeleteOnTermination) {
			return resource.Errorf("InvalidInstanceAttributeValue", "No device is currently mapped at %s", device)
		}
	}
	return nil
}

// resetInstanceAttribute sets an attribute back to its default.
func resetInstanceAttribute(c *cloud.Call, tx store.Tx, in *api.ResetInstanceAttributeInput) (*cloud.Empty, error) {
	i, err := Find(c, tx, in.InstanceId)
	if err != nil {
		return nil, err
	}
	switch in.Attribute {
	case "sourceDestCheck":
		return &cloud.Empty{}, vpc.SetSourceCheck(c, tx, i.ID, true)
	case "kernel", "ramdisk":
		if i.State != Stopped {
			return nil, errNotStopped(i.ID)
		}
		return &cloud.Empty{}, nil // an instance with its own kernel has none to set
	}
	return nil, resource.Invalid(in.Attribute, "attribute")
}
