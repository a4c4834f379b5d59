package ebs

import (
	"iter"
	"regexp"
	"slices"
	"strings"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
	zones "pileus/zone"
)

// attachmentsPerVolume is how many instances may have a volume with
// Multi-Attach.
const attachmentsPerVolume = 16

// deviceName is what AWS takes for a device.
// https://docs.aws.amazon.com/ebs/latest/userguide/device_naming.html
var deviceName = regexp.MustCompile(`^(/dev/)?(sd[a-z][1-9]?[0-5]?|xvd[a-z]|xvd[a-z][a-z]|hd[a-p][1-9]?[0-5]?)$`)

func errDevice(device string) error {
	return resource.Errorf("InvalidParameterValue", "Value (%s) for parameter device is invalid. %s is not a valid EBS device name.", device, device)
}

// instance is what the room of instances knows of one.
func (s *Room) instance(c *cloud.Call, r store.Reader, id string) (Instance, error) {
	if s.Instances == nil {
		if !resource.WellFormed("i", id) {
			return Instance{}, resource.Errorf("InvalidInstanceID.Malformed", "Invalid id: \"%s\"", id)
		}
		return Instance{}, resource.Errorf("InvalidInstanceID.NotFound", "The instance ID '%s' does not exist", id)
	}
	return s.Instances(c, r, id)
}

// On yields the volumes that are attached to an instance, or are on their way.
func On(c *cloud.Call, r store.Reader, instance string) iter.Seq[*Volume] {
	return func(yield func(*Volume) bool) {
		for v := range volumes.Index(r, "instance", c.Account, c.Region, instance) {
			if !yield(v) {
				return
			}
		}
		for v := range volumes.Index(r, "instance", c.Account, c.Region, severalInstances) {
			if v.attachment(instance) != nil && !yield(v) {
				return
			}
		}
	}
}

// Attached yields the volumes that are attached to any instance, or are on
// their way.
func Attached(c *cloud.Call, r store.Reader) iter.Seq[*Volume] {
	return volumes.Index(r, "instance", c.Account, c.Region)
}

// Placed is an attachment with its volume's id.
type Placed struct {
	Volume string
	Attachment
}

// Attachments are those of an instance, by device.
func Attachments(c *cloud.Call, r store.Reader, instance string) []Placed {
	var list []Placed
	for v := range On(c, r, instance) {
		list = append(list, Placed{v.ID, *v.attachment(instance)})
	}
	slices.SortFunc(list, func(a, b Placed) int { return strings.Compare(a.Device, b.Device) })
	return list
}

func (s *Room) attachVolume(c *cloud.Call, tx store.Tx, in *api.AttachVolumeInput) (*api.VolumeAttachment, error) {
	i, err := s.instance(c, tx, in.InstanceId)
	if err != nil {
		return nil, err
	}
	var out *api.VolumeAttachment
	return out, change(c, tx, in.VolumeId, func(v *Volume) error {
		a, err := v.attach(c, tx, i, in.Device)
		if err != nil {
			return err
		}
		out = a.api(v.ID)
		return nil
	})
}

// attach begins to attach a volume.
func (v *Volume) attach(c *cloud.Call, r store.Reader, i Instance, device string) (*Attachment, error) {
	switch {
	case i.gone(), i.State == "pending":
		return nil, resource.Errorf("IncorrectState", "Instance '%s' is not 'running'.", i.ID)
	case !deviceName.MatchString(device):
		return nil, errDevice(device)
	case v.attachment(i.ID) != nil, len(v.Attachments) > 0 && !v.MultiAttach:
		return nil, resource.Errorf("VolumeInUse", "%s is already attached to an instance", v.ID)
	case len(v.Attachments) >= attachmentsPerVolume:
		return nil, resource.Errorf("AttachmentLimitExceeded", "Volume %s is attached to the maximum of %d instances.", v.ID, attachmentsPerVolume)
	case v.State != api.VolumeStateAvailable && v.State != api.VolumeStateInUse:
		return nil, errVolumeState(v, api.VolumeStateAvailable)
	case v.Zone != i.Zone:
		return nil, resource.Errorf("InvalidVolume.ZoneMismatch", "The volume '%s' is not in the same availability zone as instance '%s'", v.ID, i.ID)
	}
	if zones.Down(r, v.Zone) {
		return nil, errZone(v)
	}
	for other := range On(c, r, i.ID) {
		if sameDevice(other.attachment(i.ID).Device, device) {
			return nil, resource.Errorf("InvalidParameterValue", "Invalid value '%s' for unixDevice. Attachment point %s is already in use", device, device)
		}
	}
	return v.add(Attachment{Instance: i.ID, Device: device, State: api.VolumeAttachmentStateAttaching, At: c.Now}), nil
}

func (v *Volume) add(a Attachment) *Attachment {
	v.Attachments = append(v.Attachments, a)
	if v.State == api.VolumeStateAvailable {
		v.State = api.VolumeStateInUse
	}
	return &v.Attachments[len(v.Attachments)-1]
}

// sameDevice compares names with and without their folder.
func sameDevice(a, b string) bool {
	return strings.TrimPrefix(a, "/dev/") == strings.TrimPrefix(b, "/dev/")
}

func (s *Room) detachVolume(c *cloud.Call, tx store.Tx, in *api.DetachVolumeInput) (*api.VolumeAttachment, error) {
	v, err := FindVolume(c, tx, in.VolumeId)
	if err != nil {
		return nil, err
	}
	a, err := v.toDetach(cloud.Or(in.InstanceId, ""), cloud.Or(in.Device, ""))
	if err != nil {
		return nil, err
	}
	i, err := s.instance(c, tx, a.Instance)
	if err != nil {
		return nil, err
	}
	if i.runs() && sameDevice(a.Device, i.RootDevice) {
		return nil, resource.Errorf("OperationNotPermitted", "Unable to detach root volume '%s' from instance '%s'", v.ID, i.ID)
	}
	var out *api.VolumeAttachment
	return out, change(c, tx, v.ID, func(v *Volume) error {
		a := v.attachment(a.Instance)
		a.State = api.VolumeAttachmentStateDetaching
		a.Force = a.Force || cloud.Or(in.Force, false)
		out = a.api(v.ID)
		return nil
	})
}

// toDetach is the attachment that a request means.
func (v *Volume) toDetach(instance, device string) (*Attachment, error) {
	if len(v.Attachments) == 0 {
		return nil, resource.Errorf("IncorrectState", "Volume '%s' is in the '%s' state.", v.ID, v.State)
	}
	if instance == "" && len(v.Attachments) > 1 {
		return nil, resource.Errorf("InvalidParameterCombination", "Volume '%s' is attached to more than one instance: say which.", v.ID)
	}
	a := v.attachment(instance)
	if a == nil || device != "" && !sameDevice(a.Device, device) {
		at := instance
		if device != "" {
			at += " as device " + device
		}
		return nil, resource.Errorf("InvalidAttachment.NotFound", "The volume '%s' is not attached to instance '%s'.", v.ID, at)
	}
	return a, nil
}

// DeleteOnTermination says whether a volume goes with its instance; for
// ModifyInstanceAttribute. ok is false where the device has no volume.
func DeleteOnTermination(c *cloud.Call, tx store.Tx, instance, device string, with bool) (ok bool) {
	for v := range On(c, tx, instance) {
		if sameDevice(v.attachment(instance).Device, device) {
			d := v.clone()
			d.attachment(instance).DeleteOnTermination = with
			volumes.Put(tx, d)
			return true
		}
	}
	return false
}
