package instance

import (
	"slices"
	"strconv"
	"strings"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// window is a customer's weekly time for scheduled events.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/event-windows.html
type window struct {
	Account, Region, ID string
	Name                string
	Ranges              []span
	Cron                string
	Instances, Hosts    []string
	Tags                identity.Tags // of the instances that it is for
}

// span is a part of the week.
type span struct {
	FromDay, ToDay   string // "monday"
	FromHour, ToHour int32
}

var windows = &store.Table[window]{Name: "ec2.eventwindow", Key: func(w *window) store.Key { return keyOf(w.Account, w.Region, w.ID) }}

func errNoWindow(id string) *cloud.Error {
	return resource.Errorf("InvalidInstanceEventWindowID.NotFound", "The instance event window ID '%s' does not exist", id)
}

func findWindow(c *cloud.Call, r store.Reader, id string) (*window, error) {
	if w, ok := windows.Get(r, c.Account, c.Region, id); ok {
		return w, nil
	}
	return nil, errNoWindow(id)
}

var weekdays = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// hour is the hour of the week.
func hour(day string, h int32) int {
	return slices.Index(weekdays, day)*24 + int(h)
}

const (
	leastSpan  = 2 // hours
	leastWeek  = 4 // hours of all ranges together
	hoursAWeek = 7 * 24
)

// setTimes sets when the window is: by ranges or by a cron expression.
func (w *window) setTimes(ranges []api.InstanceEventWindowTimeRangeRequest, cron *string) error {
	switch {
	case len(ranges) > 0 && cron != nil:
		return resource.Combination("You can't specify both a time range and a cron expression.")
	case len(ranges) == 0 && cron == nil:
		return nil
	case cron != nil:
		if err := checkCron(*cron); err != nil {
			return err
		}
		w.Cron, w.Ranges = *cron, nil
		return nil
	}
	var list []span
	total := 0
	for _, t := range ranges {
		s := span{cloud.Or(t.StartWeekDay, ""), cloud.Or(t.EndWeekDay, ""), cloud.Or(t.StartHour, 0), cloud.Or(t.EndHour, 0)}
		long := (hour(s.ToDay, s.ToHour) - hour(s.FromDay, s.FromHour) + hoursAWeek) % hoursAWeek
		switch {
		case !slices.Contains(weekdays, s.FromDay), !slices.Contains(weekdays, s.ToDay), s.FromHour < 0, s.FromHour > 23, s.ToHour < 0, s.ToHour > 23:
			return resource.Errorf("InvalidParameterValue", "The time range is not valid.")
		case long < leastSpan:
			return resource.Errorf("InvalidParameterValue", "Each time range must be at least %d hours.", leastSpan)
		}
		total += long
		list = append(list, s)
	}
	if total < leastWeek {
		return resource.Errorf("InvalidParameterValue", "An event window must be at least %d hours a week.", leastWeek)
	}
	w.Ranges, w.Cron = list, ""
	return nil
}

// checkCron takes "* 0-4,20-23 * * 1,5": hours and days of the week.
func checkCron(s string) error {
	bad := resource.Errorf("InvalidParameterValue", "The cron expression '%s' is not valid.", s)
	f := strings.Fields(s)
	if len(f) != 5 || f[0] != "*" || f[2] != "*" || f[3] != "*" {
		return bad
	}
	for n, limit := range map[int]int{1: 23, 4: 6} {
		if f[n] == "*" {
			continue
		}
		for part := range strings.SplitSeq(f[n], ",") {
			for end := range strings.SplitSeq(part, "-") {
				v, err := strconv.Atoi(end)
				if day := slices.IndexFunc(weekdays, func(d string) bool { return strings.EqualFold(d[:3], end) }); n == 4 && day >= 0 {
					v, err = day, nil
				}
				if err != nil || v < 0 || v > limit {
					return bad
				}
			}
		}
	}
	return nil
}

func createInstanceEventWindow(c *cloud.Call, tx store.Tx, in *api.CreateInstanceEventWindowInput) (*api.CreateInstanceEventWindowOutput, error) {
	w := &window{Account: c.Account, Region: c.Region, ID: resource.NewID(c, "iew"), Name: cloud.Or(in.Name, "")}
	if len(in.TimeRanges) == 0 && in.CronExpression == nil {
		return nil, resource.Missing("TimeRange")
	}
	if err := w.setTimes(in.TimeRanges, in.CronExpression); err != nil {
		return nil, err
	}
	if err := resource.OnlyTags(in.TagSpecifications, "instance-event-window"); err != nil {
		return nil, err
	}
	tags, err := resource.SpecifiedTags(in.TagSpecifications, "instance-event-window")
	if err != nil {
		return nil, err
	}
	windows.Put(tx, w)
	resource.Register(c, tx, "instance-event-window", w.ID, tags)
	return &api.CreateInstanceEventWindowOutput{InstanceEventWindow: w.changed(c, tx)}, nil
}

func (w *window) api(c *cloud.Call, r store.Reader) *api.InstanceEventWindow {
	out := &api.InstanceEventWindow{
		InstanceEventWindowId: &w.ID, Name: optional(w.Name), CronExpression: optional(w.Cron), State: new("active"), Tags: resource.APITags(resource.Tags(c, r, w.ID)),
		AssociationTarget: &api.InstanceEventWindowAssociationTarget{InstanceIds: emptied(w.Instances), DedicatedHostIds: emptied(w.Hosts), Tags: resource.APITags(w.Tags)},
	}
	for _, s := range w.Ranges {
		out.TimeRanges = append(out.TimeRanges, api.InstanceEventWindowTimeRange{StartWeekDay: new(s.FromDay), StartHour: new(s.FromHour), EndWeekDay: new(s.ToDay), EndHour: new(s.ToHour)})
	}
	return out
}

// emptied is a list that is shown even where it is empty.
func emptied(list []string) []string { return append([]string{}, list...) }

// changed is the window as calls show it that have just written it: on its way
// to being active.
func (w *window) changed(c *cloud.Call, r store.Reader) *api.InstanceEventWindow {
	out := w.api(c, r)
	out.State = new(api.InstanceEventWindowStateCreating)
	return out
}

func modifyInstanceEventWindow(c *cloud.Call, tx store.Tx, in *api.ModifyInstanceEventWindowInput) (*api.ModifyInstanceEventWindowOutput, error) {
	w, err := findWindow(c, tx, in.InstanceEventWindowId)
	if err != nil {
		return nil, err
	}
	setText(&w.Name, in.Name)
	if err := w.setTimes(in.TimeRanges, in.CronExpression); err != nil {
		return nil, err
	}
	windows.Put(tx, w)
	return &api.ModifyInstanceEventWindowOutput{InstanceEventWindow: w.changed(c, tx)}, nil
}

func deleteInstanceEventWindow(c *cloud.Call, tx store.Tx, in *api.DeleteInstanceEventWindowInput) (*api.DeleteInstanceEventWindowOutput, error) {
	w, err := findWindow(c, tx, in.InstanceEventWindowId)
	if err != nil {
		return nil, err
	}
	if w.targeted() && !cloud.Or(in.ForceDelete, false) {
		return nil, resource.Errorf("InvalidInstanceEventWindow.InUse", "The event window '%s' is associated with targets. Disassociate them, or delete it by force.", w.ID)
	}
	windows.Delete(tx, c.Account, c.Region, w.ID)
	resource.Unregister(c, tx, w.ID)
	return &api.DeleteInstanceEventWindowOutput{InstanceEventWindowState: &api.InstanceEventWindowStateChange{InstanceEventWindowId: &w.ID, State: new("deleting")}}, nil
}

func (w *window) targeted() bool { return len(w.Instances)+len(w.Hosts)+len(w.Tags) > 0 }

// associateInstanceEventWindow gives a window its targets: instances by id or
// by tags, or dedicated hosts, but not several of these.
func associateInstanceEventWindow(c *cloud.Call, tx store.Tx, in *api.AssociateInstanceEventWindowInput) (*api.AssociateInstanceEventWindowOutput, error) {
	w, err := findWindow(c, tx, in.InstanceEventWindowId)
	if err != nil {
		return nil, err
	}
	t := in.AssociationTarget
	if _, err := findAll(c, tx, t.InstanceIds); err != nil {
		return nil, err
	}
	w.Instances = union(w.Instances, t.InstanceIds)
	w.Hosts = union(w.Hosts, t.DedicatedHostIds)
	for _, tag := range t.InstanceTags {
		w.Tags = append(w.Tags, identity.Tag{Key: cloud.Or(tag.Key, ""), Value: cloud.Or(tag.Value, "")})
	}
	kinds := 0
	for _, given := range []bool{len(w.Instances) > 0, len(w.Hosts) > 0, len(w.Tags) > 0} {
		if given {
			kinds++
		}
	}
	if kinds != 1 {
		return nil, resource.Combination("You must specify one kind of target: instance IDs, instance tags, or Dedicated Host IDs.")
	}
	windows.Put(tx, w)
	return &api.AssociateInstanceEventWindowOutput{InstanceEventWindow: w.changed(c, tx)}, nil
}

func union(a, b []string) []string {
	out := slices.Sorted(slices.Values(append(slices.Clone(a), b...)))
	return slices.Compact(out)
}

func disassociateInstanceEventWindow(c *cloud.Call, tx store.Tx, in *api.DisassociateInstanceEventWindowInput) (*api.DisassociateInstanceEventWindowOutput, error) {
	w, err := findWindow(c, tx, in.InstanceEventWindowId)
	if err != nil {
		return nil, err
	}
	t := in.AssociationTarget
	w.Instances = slices.DeleteFunc(w.Instances, func(id string) bool { return slices.Contains(t.InstanceIds, id) })
	w.Hosts = slices.DeleteFunc(w.Hosts, func(id string) bool { return slices.Contains(t.DedicatedHostIds, id) })
	w.Tags = slices.DeleteFunc(w.Tags, func(have identity.Tag) bool {
		return slices.ContainsFunc(t.InstanceTags, func(tag api.Tag) bool {
			return cloud.Or(tag.Key, "") == have.Key && cloud.Or(tag.Value, "") == have.Value
		})
	})
	windows.Put(tx, w)
	return &api.DisassociateInstanceEventWindowOutput{InstanceEventWindow: w.changed(c, tx)}, nil
}

func describeInstanceEventWindows(c *cloud.Call, r store.Reader, in *api.DescribeInstanceEventWindowsInput) (*api.DescribeInstanceEventWindowsOutput, error) {
	q := resource.Query{IDs: in.InstanceEventWindowIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Least: 20, Most: 500, NotFound: errNoWindow}
	page, next, err := resource.List(c, r, q, windows.Scan(r, c.Account, c.Region), func(w *window) string { return w.ID }, resource.Fields[window]{
		"event-window-name": resource.One(func(w *window) string { return w.Name }),
		"instance-id":       func(w *window) []string { return w.Instances },
		"dedicated-host-id": func(w *window) []string { return w.Hosts },
		"instance-tag": func(w *window) (out []string) {
			for _, t := range w.Tags {
				out = append(out, t.Key+"="+t.Value)
			}
			return out
		},
		"instance-tag-key": func(w *window) (out []string) {
			for _, t := range w.Tags {
				out = append(out, t.Key)
			}
			return out
		},
		"instance-tag-value": func(w *window) (out []string) {
			for _, t := range w.Tags {
				out = append(out, t.Value)
			}
			return out
		},
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeInstanceEventWindowsOutput{NextToken: next, InstanceEventWindows: []api.InstanceEventWindow{}}
	for _, w := range page {
		out.InstanceEventWindows = append(out.InstanceEventWindows, *w.api(c, r))
	}
	return out, nil
}
