package dlm

import (
	"slices"
	"time"

	api "pileus/api/dlm"
	"pileus/api/ec2"
	"pileus/cloud"
)

// target is a volume or an instance that a policy is about.
type target struct {
	id      string
	tags    map[string]string
	volumes []string // of an instance
}

func (x *target) has(volume string) bool { return slices.Contains(x.volumes, volume) }

// instances tells whether the policy is about instances.
func (t *turn) instances() bool {
	if t.Default {
		return *t.Details.ResourceType == api.DefaultPolicyTypeValuesInstance
	}
	return t.Details.ResourceTypes[0] == api.ResourceTypeValuesInstance
}

// targets are what the policy's role sees with one of the target tags.
func (t *turn) targets() ([]target, error) {
	find := t.volumes
	if t.instances() {
		find = t.machines
	}
	if t.Default {
		return t.lately(find(nil))
	}
	seen := map[string]bool{}
	var out []target
	for _, tag := range t.Details.TargetTags {
		list, err := find([]ec2.Filter{{Name: new("tag:" + tag.Key), Values: []string{tag.Value}}})
		if err != nil {
			return nil, err
		}
		for _, x := range list {
			if !seen[x.id] {
				seen[x.id] = true
				out = append(out, x)
			}
		}
	}
	return out, nil
}

func (t *turn) volumes(filters []ec2.Filter) (out []target, err error) {
	list, err := ec2.DescribeVolumes.Call(t.as, &ec2.DescribeVolumesInput{Filters: filters})
	if err != nil {
		return nil, err
	}
	for i := range list.Volumes {
		v := &list.Volumes[i]
		ready := *v.State == ec2.VolumeStateAvailable || *v.State == ec2.VolumeStateInUse
		if ready && !t.excluded(v) {
			out = append(out, target{id: *v.VolumeId, tags: tagsOf(v.Tags)})
		}
	}
	return out, nil
}

func tagsOf(list []ec2.Tag) map[string]string {
	m := map[string]string{}
	for _, t := range list {
		m[cloud.Or(t.Key, "")] = cloud.Or(t.Value, "")
	}
	return m
}

// excluded tells whether a default policy leaves a volume out.
func (t *turn) excluded(v *ec2.Volume) bool {
	x := t.Details.Exclusions
	if x == nil {
		return false
	}
	boot := slices.ContainsFunc(v.Attachments, func(a ec2.VolumeAttachment) bool {
		return *a.Device == "/dev/xvda" || *a.Device == "/dev/sda1"
	})
	have := tagsOf(v.Tags)
	return cloud.Or(x.ExcludeBootVolumes, false) && boot || slices.Contains(x.ExcludeVolumeTypes, *v.VolumeType) ||
		slices.ContainsFunc(x.ExcludeTags, func(e api.Tag) bool { value, ok := have[e.Key]; return ok && value == e.Value })
}

func (t *turn) machines(filters []ec2.Filter) (out []target, err error) {
	filters = append(filters, ec2.Filter{Name: new("instance-state-name"), Values: []string{"pending", "running", "stopping", "stopped"}})
	list, err := ec2.DescribeInstances.Call(t.as, &ec2.DescribeInstancesInput{Filters: filters})
	if err != nil {
		return nil, err
	}
	for _, r := range list.Reservations {
		for _, i := range r.Instances {
			x := target{id: *i.InstanceId, tags: tagsOf(i.Tags)}
			for _, m := range i.BlockDeviceMappings {
				if m.Ebs != nil && m.Ebs.VolumeId != nil {
					x.volumes = append(x.volumes, *m.Ebs.VolumeId)
				}
			}
			out = append(out, x)
		}
	}
	return out, nil
}

// excludedVolumes are the volumes of an instance that have one of some tags.
func (t *turn) excludedVolumes(x target, tags []api.Tag) (ids []string, err error) {
	if len(tags) == 0 {
		return nil, nil
	}
	list, err := ec2.DescribeVolumes.Call(t.as, &ec2.DescribeVolumesInput{VolumeIds: x.volumes})
	if err != nil {
		return nil, err
	}
	for _, v := range list.Volumes {
		have := tagsOf(v.Tags)
		if slices.ContainsFunc(tags, func(e api.Tag) bool { value, ok := have[e.Key]; return ok && value == e.Value }) {
			ids = append(ids, *v.VolumeId)
		}
	}
	return ids, nil
}

// lately leaves out what has a snapshot that is young enough for a default
// policy.
func (t *turn) lately(list []target, err error) ([]target, error) {
	if err != nil || t.instances() {
		return list, err
	}
	have, err := ec2.DescribeSnapshots.Call(t.as, &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}})
	if err != nil {
		return nil, err
	}
	// A run of yesterday is a day old, give or take its own duration.
	since := t.as.Now.Add(-time.Duration(*t.Details.CreateInterval)*day + time.Hour)
	return slices.DeleteFunc(list, func(x target) bool {
		return slices.ContainsFunc(have.Snapshots, func(s ec2.Snapshot) bool { return *s.VolumeId == x.id && s.StartTime.After(since) })
	}), nil
}
