package instance

import (
	"context"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/region"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// warmUp is how long the checks of a machine that has just started are given.
const warmUp = 3 * time.Minute

// checks are the results of an instance's status checks.
type checks struct{ system, instance string } // "ok", "impaired", "initializing", "not-applicable"

// check asks the data plane: that it answers and has the machine is the system
// check, that the machine's first process answers is the instance check.
func (s *Room) check(ctx context.Context, now time.Time, i *Instance) checks {
	if i.State != Running {
		return checks{"not-applicable", "not-applicable"}
	}
	if s.dark(ctx, i.Zone) { // whoever checks it from outside gets no answer
		return checks{"impaired", "impaired"}
	}
	return s.checkLit(ctx, now, i)
}

// checkLit is check of a running instance whose zone is reachable.
func (s *Room) checkLit(ctx context.Context, now time.Time, i *Instance) checks {
	st, err := s.plane.MachineStatus(ctx, i.ID)
	if err != nil {
		return checks{"impaired", "impaired"}
	}
	switch {
	case st.Reachable:
		return checks{"ok", "ok"}
	case st.State == plane.Running && !st.Booted && now.Sub(i.Since) < warmUp:
		return checks{"initializing", "initializing"}
	}
	return checks{"ok", "impaired"}
}

// summary is a check as the API shows it. It remembers since when it fails.
func (s *Room) summary(kind, id, result string, now time.Time) *api.InstanceStatusSummary {
	out := &api.InstanceStatusSummary{Status: &result}
	detail := api.InstanceStatusDetails{Name: new("reachability")}
	s.mu.Lock()
	defer s.mu.Unlock()
	since, known := s.ill[kind+id]
	switch result {
	case "ok":
		detail.Status = new("passed")
	case "impaired":
		if !known {
			since = now
			s.ill[kind+id] = now
		}
		detail.Status, detail.ImpairedSince = new("failed"), &since
	case "initializing":
		detail.Status = new("initializing")
	default:
		return out
	}
	if result != "impaired" {
		delete(s.ill, kind+id)
	}
	out.Details = []api.InstanceStatusDetails{detail}
	return out
}

// attachedEBS is whether the instance reaches its volumes. They lie in its zone,
// and go dark with it, as what CloudWatch is told of the same check.
func (s *Room) attachedEBS(o *observed, now time.Time) *api.EbsStatusSummary {
	v := s.summary("volumes ", o.ID, o.system, now)
	out := &api.EbsStatusSummary{Status: v.Status}
	for _, d := range v.Details {
		out.Details = append(out.Details, api.EbsStatusDetails(d))
	}
	return out
}

// observed is an instance with its checks.
type observed struct {
	*Instance
	checks
}

// describeInstanceStatus checks the instances that are asked for: running ones
// unless all are.
func (s *Room) describeInstanceStatus(c *cloud.Call, in *api.DescribeInstanceStatusInput) (*api.DescribeInstanceStatusOutput, error) {
	var list []*Instance
	err := c.View(func(r store.Reader) (err error) {
		list = nil
		if len(in.InstanceIds) > 0 {
			list, err = findAll(c, r, in.InstanceIds)
			return err
		}
		for i := range instances.Scan(r, c.Account, c.Region) {
			list = append(list, i)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	all := cloud.Or(in.IncludeAllInstances, false)
	var seen []*observed
	for _, i := range list {
		if all || i.State == Running {
			seen = append(seen, &observed{i, s.check(c, c.Now, i)})
		}
	}
	q := resource.Query{Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken}
	if len(in.InstanceIds) > 0 && in.MaxResults != nil {
		return nil, resource.Combination("The parameter instancesSet cannot be used with the parameter maxResults")
	}
	out := &api.DescribeInstanceStatusOutput{InstanceStatuses: []api.InstanceStatus{}}
	err = c.View(func(r store.Reader) error {
		page, next, err := resource.List(c, r, q, values(seen), func(o *observed) string { return o.ID }, statusFields)
		if err != nil {
			return err
		}
		out.NextToken, out.InstanceStatuses = next, out.InstanceStatuses[:0]
		for _, o := range page {
			zone, _ := region.ZoneNamed(o.Zone)
			out.InstanceStatuses = append(out.InstanceStatuses, api.InstanceStatus{
				AvailabilityZone: &o.Zone, AvailabilityZoneId: &zone.ID, Operator: resource.Unmanaged(), InstanceId: &o.ID, InstanceState: o.State.api(), Events: o.events(c.Now),
				SystemStatus: s.summary("system ", o.ID, o.system, c.Now), InstanceStatus: s.summary("instance ", o.ID, o.instance, c.Now),
				AttachedEbsStatus: s.attachedEBS(o, c.Now),
			})
		}
		return nil
	})
	return out, err
}

func values[T any](list []*T) func(yield func(*T) bool) {
	return func(yield func(*T) bool) {
		for _, v := range list {
			if !yield(v) {
				return
			}
		}
	}
}

// reachability is the word for a check's detail.
func reachability(result string) string {
	switch result {
	case "ok":
		return "passed"
	case "impaired":
		return "failed"
	case "not-applicable":
		return ""
	}
	return result
}

// statusFields are the filters of DescribeInstanceStatus.
var statusFields = resource.Fields[observed]{
	"availability-zone":            resource.One(func(o *observed) string { return o.Zone }),
	"availability-zone-id":         resource.One(func(o *observed) string { return deref(resource.ZoneID(o.Zone)) }),
	"operator.managed":             resource.Flag(func(*observed) bool { return false }),
	"operator.principal":           func(*observed) []string { return nil },
	"instance-state-code":          number(func(o *observed) int { return int(o.State) }),
	"instance-state-name":          resource.One(func(o *observed) string { return o.State.String() }),
	"instance-status.status":       resource.One(func(o *observed) string { return o.instance }),
	"instance-status.reachability": resource.One(func(o *observed) string { return reachability(o.instance) }),
	"system-status.status":         resource.One(func(o *observed) string { return o.system }),
	"system-status.reachability":   resource.One(func(o *observed) string { return reachability(o.system) }),
	"attached-ebs-status.status":   resource.One(func(o *observed) string { return o.system }), // as attachedEBS has it
	"event.code":                   eventField(func(e Event) string { return e.Code }),
	"event.description":            eventField(func(e Event) string { return e.Description }),
	"event.instance-event-id":      eventField(func(e Event) string { return e.ID }),
	"event.not-after":              eventField(func(e Event) string { return stampOf(e.NotAfter) }),
	"event.not-before":             eventField(func(e Event) string { return stampOf(e.NotBefore) }),
	"event.not-before-deadline":    eventField(func(e Event) string { return stampOf(e.Deadline) }),
}

func eventField(f func(Event) string) func(*observed) []string {
	return func(o *observed) (out []string) {
		for _, e := range o.Events {
			out = append(out, f(e))
		}
		return out
	}
}

// report is what a customer says of instances.
type report struct {
	Account, Region, ID string
	Instances, Reasons  []string
	Status, Description string
	Made                time.Time
}

var reports = &store.Table[report]{Name: "ec2.statusreport", Key: func(p *report) store.Key { return keyOf(p.Account, p.Region, p.ID) }}

// reportInstanceStatus keeps the report; as on AWS it changes no status.
func reportInstanceStatus(c *cloud.Call, tx store.Tx, in *api.ReportInstanceStatusInput) (*cloud.Empty, error) {
	list, err := some(c, tx, in.Instances)
	if err != nil {
		return nil, err
	}
	for _, i := range list {
		if i.State != Running {
			return nil, errNotRunning(i.ID)
		}
	}
	reports.Put(tx, &report{c.Account, c.Region, resource.NewID(c, "report"), in.Instances, in.ReasonCodes, in.Status, cloud.Or(in.Description, ""), c.Now})
	return &cloud.Empty{}, nil
}
