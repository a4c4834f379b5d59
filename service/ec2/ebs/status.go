package ebs

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// checked is a volume with what the data plane says of it. It is impaired where
// the data plane failed to make it, or its I/O fails.
type checked struct {
	*Volume
	fault bool
}

func (v *checked) impaired() bool { return v.State == api.VolumeStateError || v.fault }

func (v *checked) status() string {
	switch {
	case v.impaired():
		return api.VolumeStatusInfoStatusImpaired
	case !v.Ready:
		return api.VolumeStatusInfoStatusInsufficientData
	}
	return api.VolumeStatusInfoStatusOk
}

// check asks the data plane which volumes' I/O fails.
func (s *Room) check(c *cloud.Call) (faults map[string]bool, err error) {
	list, err := s.plane.Volumes(c)
	if err != nil {
		return nil, err
	}
	faults = map[string]bool{}
	for _, v := range list {
		faults[v.ID] = v.Fault != ""
	}
	return faults, nil
}

func (s *Room) describeStatus(c *cloud.Call, r store.Reader, in *api.DescribeVolumeStatusInput) (*api.DescribeVolumeStatusOutput, error) {
	faults, err := s.check(c)
	if err != nil {
		return nil, err
	}
	all := func(yield func(*checked) bool) {
		for v := range present(c, r) {
			if !yield(&checked{v, faults[v.ID]}) {
				return
			}
		}
	}
	page, next, err := resource.List(c, r, resource.Query{
		IDs: in.VolumeIds, Set: "volumeSet", Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, NotFound: errNoVolume,
	}, all, func(v *checked) string { return v.ID }, statusFields)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeVolumeStatusOutput{NextToken: next, VolumeStatuses: []api.VolumeStatusItem{}}
	for _, v := range page {
		out.VolumeStatuses = append(out.VolumeStatuses, v.statusItem())
	}
	return out, nil
}

// statusFields are the filters of DescribeVolumeStatus.
var statusFields = resource.Fields[checked]{
	"availability-zone":            resource.One(func(v *checked) string { return v.Zone }),
	"volume-status.status":         resource.One((*checked).status),
	"volume-status.details-name":   func(*checked) []string { return []string{"io-enabled", "io-performance"} },
	"volume-status.details-status": func(v *checked) []string { return []string{v.ioEnabled(), v.ioPerformance()} },
	"action.code":                  none, "action.description": none, "action.event-id": none,
	"event.description": none, "event.event-id": none, "event.event-type": none, "event.not-after": none, "event.not-before": none,
}

func none(*checked) []string { return nil }

func (v *checked) ioEnabled() string {
	if v.impaired() {
		return "failed"
	}
	return "passed"
}

// ioPerformance is measured for provisioned IOPS alone.
func (v *checked) ioPerformance() string {
	if k, err := findKind(v.Type); err == nil && k.needsIOPS && !v.impaired() && len(v.Attachments) > 0 {
		return "normal"
	}
	return "not-applicable"
}

// initialization tells how far a volume that is made of a snapshot or of another
// volume is; nil for one that is made empty.
func (v *checked) initialization() *api.InitializationStatusDetails {
	out := &api.InitializationStatusDetails{InitializationType: new(api.InitializationTypeDefault), Progress: new(int64(0))}
	switch {
	case v.Source != "":
		out.InitializationType = new(api.InitializationTypeVolumeCopy)
	case v.Rate != 0:
		out.InitializationType = new(api.InitializationTypeProvisionedRate)
		out.EstimatedTimeToCompleteInSeconds = new(v.bytes() >> 20 / int64(v.Rate))
	case v.Snapshot == "" && v.Image == nil:
		return nil
	}
	if v.Ready { // it holds all of it
		out.Progress = new(int64(100))
		if v.Rate != 0 {
			out.EstimatedTimeToCompleteInSeconds = new(int64(0))
		}
	}
	return out
}

func (v *checked) statusItem() api.VolumeStatusItem {
	item := api.VolumeStatusItem{
		VolumeId: &v.ID, AvailabilityZone: &v.Zone, AvailabilityZoneId: resource.ZoneID(v.Zone), Operator: resource.Unmanaged(), InitializationStatusDetails: v.initialization(), Actions: []api.VolumeStatusAction{}, Events: []api.VolumeStatusEvent{},
		VolumeStatus: &api.VolumeStatusInfo{Status: new(v.status()), Details: []api.VolumeStatusDetails{
			{Name: new("io-enabled"), Status: new(v.ioEnabled())},
			{Name: new("io-performance"), Status: new(v.ioPerformance())},
		}},
	}
	for i := range v.Attachments {
		item.AttachmentStatuses = append(item.AttachmentStatuses, api.VolumeStatusAttachmentStatus{
			InstanceId: &v.Attachments[i].Instance, IoPerformance: new(v.ioPerformance()),
		})
	}
	return item
}

// enableIO turns I/O on again for a volume whose data may be inconsistent. No
// volume's ever is turned off here.
func enableIO(c *cloud.Call, tx store.Tx, in *api.EnableVolumeIOInput) (*cloud.Empty, error) {
	_, err := FindVolume(c, tx, in.VolumeId)
	return &cloud.Empty{}, err
}

func describeVolumeAttribute(c *cloud.Call, r store.Reader, in *api.DescribeVolumeAttributeInput) (*api.DescribeVolumeAttributeOutput, error) {
	v, err := FindVolume(c, r, in.VolumeId)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeVolumeAttributeOutput{VolumeId: &v.ID}
	switch in.Attribute {
	case api.VolumeAttributeNameAutoEnableIO:
		out.AutoEnableIO = &api.AttributeBooleanValue{Value: &v.AutoEnableIO}
	case api.VolumeAttributeNameProductCodes:
		out.ProductCodes = []api.ProductCode{}
	default:
		return nil, resource.Invalid(in.Attribute, "attribute")
	}
	return out, nil
}

func modifyVolumeAttribute(c *cloud.Call, tx store.Tx, in *api.ModifyVolumeAttributeInput) (*cloud.Empty, error) {
	if in.AutoEnableIO == nil || in.AutoEnableIO.Value == nil {
		return nil, resource.Missing("AutoEnableIO")
	}
	return &cloud.Empty{}, change(c, tx, in.VolumeId, func(v *Volume) error {
		v.AutoEnableIO = *in.AutoEnableIO.Value
		return nil
	})
}
