package ebs

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Volumes are fine or, where the data plane failed to make them, impaired:
// there is no hardware below them whose failure would show here.

func (v *Volume) impaired() bool { return v.State == api.VolumeStateError }

func (v *Volume) status() string {
	switch {
	case v.impaired():
		return api.VolumeStatusInfoStatusImpaired
	case !v.Ready:
		return api.VolumeStatusInfoStatusInsufficientData
	}
	return api.VolumeStatusInfoStatusOk
}

func describeStatus(c *cloud.Call, r store.Reader, in *api.DescribeVolumeStatusInput) (*api.DescribeVolumeStatusOutput, error) {
	one := resource.One[Volume]
	page, next, err := resource.List(c, r, resource.Query{
		IDs: in.VolumeIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, NotFound: errNoVolume,
	}, volumes.Scan(r, c.Account, c.Region), func(v *Volume) string { return v.ID }, resource.Fields[Volume]{
		"availability-zone":            one(func(v *Volume) string { return v.Zone }),
		"volume-status.status":         one((*Volume).status),
		"volume-status.details-name":   func(*Volume) []string { return []string{"io-enabled", "io-performance"} },
		"volume-status.details-status": func(v *Volume) []string { return []string{v.ioEnabled(), v.ioPerformance()} },
		"action.code":                  none, "action.description": none, "action.event-id": none,
		"event.description": none, "event.event-id": none, "event.event-type": none, "event.not-after": none, "event.not-before": none,
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeVolumeStatusOutput{NextToken: next, VolumeStatuses: []api.VolumeStatusItem{}}
	for _, v := range page {
		out.VolumeStatuses = append(out.VolumeStatuses, v.statusItem())
	}
	return out, nil
}

func none(*Volume) []string { return nil }

func (v *Volume) ioEnabled() string {
	if v.impaired() {
		return "failed"
	}
	return "passed"
}

// ioPerformance is measured for provisioned IOPS alone.
func (v *Volume) ioPerformance() string {
	if k, err := findKind(v.Type); err == nil && k.needsIOPS && !v.impaired() && len(v.Attachments) > 0 {
		return "normal"
	}
	return "not-applicable"
}

func (v *Volume) statusItem() api.VolumeStatusItem {
	item := api.VolumeStatusItem{
		VolumeId: &v.ID, AvailabilityZone: &v.Zone, Actions: []api.VolumeStatusAction{}, Events: []api.VolumeStatusEvent{},
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
