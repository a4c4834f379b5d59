package ebs

import (
	"strconv"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const (
	// betweenModifications is how long AWS lets a volume rest.
	betweenModifications = 6 * time.Hour
	// optimizingPerGiB is how long a modified volume is "optimizing": AWS says
	// that a full TiB takes about six hours.
	optimizingPerGiB = 6 * time.Hour / 1024
	leastOptimizing  = 10 * time.Second
	keptModification = 30 * 24 * time.Hour
)

// modifyVolume changes size, type or performance of a volume, in use or not.
// https://docs.aws.amazon.com/ebs/latest/userguide/ebs-modify-volume.html
func modifyVolume(c *cloud.Call, tx store.Tx, in *api.ModifyVolumeInput) (*api.ModifyVolumeOutput, error) {
	var out *api.ModifyVolumeOutput
	err := change(c, tx, in.VolumeId, func(v *Volume) error {
		m, err := v.modification(c, in)
		if err != nil {
			return err
		}
		v.Modifications = append(v.Modifications, *m)
		v.Type, v.shape = m.ToType, m.To
		out = &api.ModifyVolumeOutput{VolumeModification: m.api(v.ID, c.Now)}
		return nil
	})
	return out, err
}

// modification is what a request changes of a volume.
func (v *Volume) modification(c *cloud.Call, in *api.ModifyVolumeInput) (*Modification, error) {
	if v.State != api.VolumeStateAvailable && v.State != api.VolumeStateInUse {
		return nil, resource.Errorf("IncorrectState", "The volume '%s' is '%s'. It must be 'available' or 'in-use'.", v.ID, v.State)
	}
	if in.Size == nil && in.VolumeType == nil && in.Iops == nil && in.Throughput == nil && in.MultiAttachEnabled == nil {
		return nil, resource.Errorf("InvalidParameter", "No modification specified for volume %s.", v.ID)
	}
	if n := len(v.Modifications); n > 0 {
		last := &v.Modifications[n-1]
		if state := last.state(c.Now); state == api.VolumeModificationStateModifying || state == api.VolumeModificationStateOptimizing {
			return nil, resource.Errorf("IncorrectModificationState", "Cannot modify volume %s: in modification state %s.", v.ID, upper(state))
		}
		if c.Now.Before(last.Start.Add(betweenModifications)) {
			return nil, resource.Errorf("VolumeModificationRateExceeded", "You've reached the maximum modification rate per volume limit. Wait at least 6 hours between modifications per EBS volume.")
		}
	}
	size := cloud.Or(in.Size, v.Size)
	if size < v.Size {
		return nil, resource.Errorf("InvalidParameterValue", "New size cannot be smaller than existing size.")
	}
	to, err := v.target(size, in)
	if err != nil {
		return nil, err
	}
	return &Modification{
		State: api.VolumeModificationStateModifying, Start: c.Now,
		From: v.shape, To: to, FromType: v.Type, ToType: cloud.Or(in.VolumeType, v.Type),
	}, nil
}

// target is the shape that the request asks for. What it does not mention
// stays, unless the type changes: then it is the new type's default.
func (v *Volume) target(size int32, in *api.ModifyVolumeInput) (shape, error) {
	k, err := findKind(cloud.Or(in.VolumeType, v.Type))
	if err != nil {
		return shape{}, err
	}
	a := asked{iops: in.Iops, throughput: in.Throughput, multiAttach: in.MultiAttachEnabled}
	if k.name == v.Type {
		if a.iops == nil && k.iops {
			a.iops = &v.IOPS
		}
		if a.throughput == nil && k.maxThroughput > 0 {
			a.throughput = &v.Throughput
		}
	} else if a.iops == nil && k.iops && v.IOPS > k.minIOPS {
		a.iops = new(min(v.IOPS, k.maxIOPS, k.ratio*size)) // performance is kept where the type can
	}
	if a.multiAttach == nil && k.multiAttach {
		a.multiAttach = &v.MultiAttach
	}
	return k.check(size, a)
}

// upper is a state as this error shows it.
func upper(state string) string {
	b := []byte(state)
	for i := range b {
		if 'a' <= b[i] && b[i] <= 'z' {
			b[i] -= 'a' - 'A'
		}
	}
	return string(b)
}

// finished is when the modification is completed.
func (m *Modification) finished() time.Time {
	return m.Start.Add(max(time.Duration(m.To.Size)*optimizingPerGiB, leastOptimizing))
}

// state is the modification's state at a time: completion is a matter of time
// alone.
func (m *Modification) state(now time.Time) string {
	if m.State == api.VolumeModificationStateOptimizing && !now.Before(m.finished()) {
		return api.VolumeModificationStateCompleted
	}
	return m.State
}

// progress is how much of it is done, in percent.
func (m *Modification) progress(now time.Time) int64 {
	switch m.state(now) {
	case api.VolumeModificationStateCompleted:
		return 100
	case api.VolumeModificationStateOptimizing:
		return int64(100 * now.Sub(m.Start) / m.finished().Sub(m.Start))
	}
	return 0
}

func (m *Modification) api(volume string, now time.Time) *api.VolumeModification {
	out := &api.VolumeModification{
		VolumeId: &volume, ModificationState: new(m.state(now)), Progress: new(m.progress(now)), StartTime: &m.Start,
		OriginalSize: &m.From.Size, OriginalIops: shown(m.From.IOPS), OriginalThroughput: shown(m.From.Throughput),
		OriginalVolumeType: &m.FromType, OriginalMultiAttachEnabled: &m.From.MultiAttach,
		TargetSize: &m.To.Size, TargetIops: shown(m.To.IOPS), TargetThroughput: shown(m.To.Throughput),
		TargetVolumeType: &m.ToType, TargetMultiAttachEnabled: &m.To.MultiAttach,
	}
	if m.Message != "" {
		out.StatusMessage = &m.Message
	}
	if m.state(now) == api.VolumeModificationStateCompleted {
		out.EndTime = new(m.finished())
	} else if !m.End.IsZero() {
		out.EndTime = &m.End
	}
	return out
}

// modified is one modification with its volume, as it is described.
type modified struct {
	volume string
	*Modification
}

func describeModifications(c *cloud.Call, r store.Reader, in *api.DescribeVolumesModificationsInput) (*api.DescribeVolumesModificationsOutput, error) {
	all := func(yield func(*modified) bool) {
		for v := range present(c, r) {
			n := len(v.Modifications) // the latest is described
			if n > 0 && c.Now.Before(v.Modifications[n-1].finished().Add(keptModification)) && !yield(&modified{v.ID, &v.Modifications[n-1]}) {
				return
			}
		}
	}
	page, next, err := resource.List(c, r, resource.Query{
		IDs: in.VolumeIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Least: 1, Most: 500,
		NotFound: func(id string) *cloud.Error {
			return resource.Errorf("InvalidVolumeModification.NotFound", "Modification for volume '%s' does not exist.", id)
		},
	}, all, func(m *modified) string { return m.volume }, modificationFields(c.Now))
	if err != nil {
		return nil, err
	}
	out := &api.DescribeVolumesModificationsOutput{NextToken: next, VolumesModifications: []api.VolumeModification{}}
	for _, m := range page {
		out.VolumesModifications = append(out.VolumesModifications, *m.api(m.volume, c.Now))
	}
	return out, nil
}

func modificationFields(now time.Time) resource.Fields[modified] {
	one := resource.One[modified]
	return resource.Fields[modified]{
		"modification-state":         one(func(m *modified) string { return m.state(now) }),
		"original-iops":              number(func(m *modified) int32 { return m.From.IOPS }),
		"original-size":              number(func(m *modified) int32 { return m.From.Size }),
		"original-volume-type":       one(func(m *modified) string { return m.FromType }),
		"originalMultiAttachEnabled": one(func(m *modified) string { return strconv.FormatBool(m.From.MultiAttach) }),
		"start-time":                 one(func(m *modified) string { return filterTime(m.Start) }),
		"target-iops":                number(func(m *modified) int32 { return m.To.IOPS }),
		"target-size":                number(func(m *modified) int32 { return m.To.Size }),
		"target-volume-type":         one(func(m *modified) string { return m.ToType }),
		"targetMultiAttachEnabled":   one(func(m *modified) string { return strconv.FormatBool(m.To.MultiAttach) }),
		"volume-id":                  one(func(m *modified) string { return m.volume }),
	}
}
