package market

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/price"
	"pileus/service/ec2/instance"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

// mostRequests is how many instances one call may ask for.
const mostRequests = 1000

func requestSpotInstances(c *cloud.Call, tx store.Tx, in *api.RequestSpotInstancesInput) (*api.RequestSpotInstancesOutput, error) {
	if err := vpc.EnsureDefaults(c, tx); err != nil {
		return nil, err
	}
	return resource.Once(c, tx, "RequestSpotInstances", in.ClientToken, in, func() (*api.RequestSpotInstancesOutput, error) {
		first, err := asked(c, in)
		if err != nil {
			return nil, err
		}
		if err := resource.OnlyTags(in.TagSpecifications, requestKind); err != nil {
			return nil, err
		}
		tags, err := resource.SpecifiedTags(in.TagSpecifications, requestKind)
		if err != nil {
			return nil, err
		}
		out := &api.RequestSpotInstancesOutput{}
		for range cloud.Or(in.InstanceCount, 1) {
			q := new(*first)
			q.ID = newRequestID(c)
			q.to(c.Now, "open", "pending-evaluation")
			requests.Put(tx, q)
			resource.Register(c, tx, requestKind, q.ID, tags)
			tx.After(time.Time{}, requestController, q.key())
			shown, err := q.api(c, tx)
			if err != nil {
				return nil, err
			}
			out.SpotInstanceRequests = append(out.SpotInstanceRequests, shown)
		}
		return out, nil
	})
}

// asked is a request as a call asks for it, without its id.
func asked(c *cloud.Call, in *api.RequestSpotInstancesInput) (*request, error) {
	if err := checkSpot(in.Type, in.InstanceInterruptionBehavior, in.SpotPrice, in.BlockDurationMinutes); err != nil {
		return nil, err
	}
	spec := in.LaunchSpecification
	q := &request{
		Account: c.Account, Region: c.Region, Persistent: cloud.Or(in.Type, "") == "persistent", Created: c.Now,
		From: cloud.Or(in.ValidFrom, time.Time{}), Until: cloud.Or(in.ValidUntil, time.Time{}), MaxPrice: cloud.Or(in.SpotPrice, ""),
		Behavior: cloud.Or(in.InstanceInterruptionBehavior, "terminate"), LaunchGroup: cloud.Or(in.LaunchGroup, ""), Zones: cloud.Or(in.AvailabilityZoneGroup, ""),
		Platform: "Linux/UNIX",
	}
	switch n := cloud.Or(in.InstanceCount, 1); {
	case n < 1 || n > mostRequests:
		return nil, resource.Errorf("InvalidParameterValue", "Value (%d) for parameter instanceCount is invalid.", n)
	case spec == nil:
		return nil, resource.Missing("LaunchSpecification")
	case cloud.Or(spec.ImageId, "") == "":
		return nil, resource.Missing("LaunchSpecification.ImageId")
	case !q.Until.IsZero() && !q.Until.After(c.Now):
		return nil, resource.Errorf("InvalidTime", "The time specified in ValidUntil must be in the future.")
	case !q.Until.IsZero() && q.Until.Before(q.From):
		return nil, resource.Errorf("InvalidTime", "The time specified in ValidUntil must be after ValidFrom.")
	}
	q.Type = cloud.Or(spec.InstanceType, "m1.small")
	if err := sellable(q.Type); err != nil {
		return nil, err
	}
	run, err := convert[*api.RunInstancesInput](spec)
	if err != nil {
		return nil, err
	}
	if run.Placement, err = instance.ReadPlacement(c, run.Placement); err != nil {
		return nil, err
	}
	q.Launch, err = json.Marshal(run)
	return q, err
}

// sellable refuses types that the spot market does not have.
func sellable(name string) error {
	t, ok := instance.FindType(name)
	if !ok {
		return resource.Errorf("InvalidParameterValue", "Invalid instance type: %s", name)
	}
	info := t.Info()
	if _, priced := price.OnDemand(name, ""); !priced || !slices.Contains(info.SupportedUsageClasses, "spot") {
		return resource.Errorf("InvalidParameterValue", "Spot Instances of the instance type '%s' are not available.", name)
	}
	return nil
}

func cancelSpotInstanceRequests(c *cloud.Call, tx store.Tx, in *api.CancelSpotInstanceRequestsInput) (*api.CancelSpotInstanceRequestsOutput, error) {
	if len(in.SpotInstanceRequestIds) == 0 {
		return nil, resource.Missing("SpotInstanceRequestId")
	}
	out := &api.CancelSpotInstanceRequestsOutput{}
	for _, id := range in.SpotInstanceRequestIds {
		found, ok := requests.Get(tx, c.Account, c.Region, id)
		if !ok {
			return nil, errNoRequest(id)
		}
		q := new(*found)
		if !over(q.State) {
			q.cancel(c, tx)
			requests.Put(tx, q)
			tx.After(q.Over.Add(keptAfter), requestController, q.key())
		}
		out.CancelledSpotInstanceRequests = append(out.CancelledSpotInstanceRequests, api.CancelledSpotInstanceRequest{SpotInstanceRequestId: &id, State: &q.State})
	}
	return out, nil
}

// cancel ends a request and leaves its instance as it is; a one-time instance
// that the market stopped would never start again.
func (q *request) cancel(c *cloud.Call, tx store.Tx) {
	code := "canceled-before-fulfillment"
	if i, err := instance.Find(c, tx, q.Instance); err == nil && alive(i) {
		code = "request-canceled-and-instance-running"
	}
	q.Stopped = false
	q.to(c.Now, "cancelled", code)
}

func describeSpotInstanceRequests(c *cloud.Call, r store.Reader, in *api.DescribeSpotInstanceRequestsInput) (*api.DescribeSpotInstanceRequestsOutput, error) {
	q := resource.Query{IDs: in.SpotInstanceRequestIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, NotFound: errNoRequest}
	page, next, err := resource.List(c, r, q, requests.Scan(r, c.Account, c.Region), func(q *request) string { return q.ID }, requestFields)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeSpotInstanceRequestsOutput{NextToken: next, SpotInstanceRequests: []api.SpotInstanceRequest{}}
	for _, q := range page {
		shown, err := q.api(c, r)
		if err != nil {
			return nil, err
		}
		out.SpotInstanceRequests = append(out.SpotInstanceRequests, shown)
	}
	return out, nil
}

// api is the request as AWS shows it.
func (q *request) api(c *cloud.Call, r store.Reader) (api.SpotInstanceRequest, error) {
	run, err := q.input()
	if err != nil {
		return api.SpotInstanceRequest{}, err
	}
	groups := run.SecurityGroupIds
	run.SecurityGroupIds, run.SecurityGroups = nil, nil
	spec, err := convert[*api.LaunchSpecification](run)
	if err != nil {
		return api.SpotInstanceRequest{}, err
	}
	spec.InstanceType = &q.Type
	if spec.Monitoring == nil {
		spec.Monitoring = &api.RunInstancesMonitoringEnabled{Enabled: false}
	}
	for _, id := range groups {
		g := api.GroupIdentifier{GroupId: &id}
		if known, err := vpc.FindGroup(c, r, id); err == nil {
			g.GroupName = &known.Name
		}
		spec.SecurityGroups = append(spec.SecurityGroups, g)
	}
	limit, _ := q.limit()
	out := api.SpotInstanceRequest{
		SpotInstanceRequestId: &q.ID, State: &q.State, CreateTime: &q.Created, SpotPrice: new(price.Text(limit)), ProductDescription: &q.Platform, Type: new(q.kind()),
		Status: &api.SpotInstanceStatus{Code: &q.Status.Code, Message: &q.Status.Message, UpdateTime: &q.Status.At}, LaunchSpecification: spec,
		InstanceId: optional(q.Instance), LaunchedAvailabilityZone: optional(q.Zone), LaunchedAvailabilityZoneId: resource.ZoneID(q.Zone), LaunchGroup: optional(q.LaunchGroup), AvailabilityZoneGroup: optional(q.Zones),
		ValidFrom: moment(q.From), ValidUntil: moment(q.Until), InstanceInterruptionBehavior: &q.Behavior, Tags: resource.APITags(resource.Tags(c, r, q.ID)),
	}
	if q.State == "failed" {
		out.Fault = &api.SpotInstanceStateFault{Code: &q.Status.Code, Message: &q.Status.Message}
	}
	return out, nil
}

func (q *request) kind() string {
	if q.Persistent {
		return "persistent"
	}
	return "one-time"
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// requestFields are the filters of DescribeSpotInstanceRequests.
var requestFields = resource.Fields[request]{
	"availability-zone-group":       resource.One(func(q *request) string { return q.Zones }),
	"create-time":                   resource.One(func(q *request) string { return stamp(q.Created) }),
	"fault-code":                    resource.One(func(q *request) string { return q.fault().Code }),
	"fault-message":                 resource.One(func(q *request) string { return q.fault().Message }),
	"instance-id":                   resource.One(func(q *request) string { return q.Instance }),
	"launch-group":                  resource.One(func(q *request) string { return q.LaunchGroup }),
	"launch.image-id":               launchField(func(in *api.RunInstancesInput) *string { return in.ImageId }),
	"launch.instance-type":          resource.One(func(q *request) string { return q.Type }),
	"launch.key-name":               launchField(func(in *api.RunInstancesInput) *string { return in.KeyName }),
	"network-interface.subnet-id":   launchField(func(in *api.RunInstancesInput) *string { return in.SubnetId }),
	"launched-availability-zone":    resource.One(func(q *request) string { return q.Zone }),
	"launched-availability-zone-id": resource.One(func(q *request) string { return cloud.Or(resource.ZoneID(q.Zone), "") }),
	"launch.kernel-id":              launchField(func(in *api.RunInstancesInput) *string { return in.KernelId }),
	"launch.ramdisk-id":             launchField(func(in *api.RunInstancesInput) *string { return in.RamdiskId }),
	"launch.group-id":               launchList(func(in *api.RunInstancesInput) []string { return in.SecurityGroupIds }),
	"launch.group-name":             launchList(func(in *api.RunInstancesInput) []string { return in.SecurityGroups }),
	"launch.monitoring-enabled": launchList(func(in *api.RunInstancesInput) []string {
		return []string{flag(in.Monitoring != nil && in.Monitoring.Enabled)}
	}),
	"launch.block-device-mapping.device-name": launchDisk(func(m *api.BlockDeviceMapping, _ *api.EbsBlockDevice) string { return cloud.Or(m.DeviceName, "") }),
	"launch.block-device-mapping.snapshot-id": launchDisk(func(_ *api.BlockDeviceMapping, e *api.EbsBlockDevice) string { return cloud.Or(e.SnapshotId, "") }),
	"launch.block-device-mapping.volume-size": launchDisk(func(_ *api.BlockDeviceMapping, e *api.EbsBlockDevice) string {
		return strconv.Itoa(int(cloud.Or(e.VolumeSize, 0)))
	}),
	"launch.block-device-mapping.volume-type": launchDisk(func(_ *api.BlockDeviceMapping, e *api.EbsBlockDevice) string { return cloud.Or(e.VolumeType, "") }),
	"launch.block-device-mapping.delete-on-termination": launchDisk(func(_ *api.BlockDeviceMapping, e *api.EbsBlockDevice) string {
		return flag(cloud.Or(e.DeleteOnTermination, true))
	}),
	"product-description":      resource.One(func(q *request) string { return q.Platform }),
	"spot-instance-request-id": resource.One(func(q *request) string { return q.ID }),
	"spot-price":               resource.One(func(q *request) string { limit, _ := q.limit(); return price.Text(limit) }),
	"state":                    resource.One(func(q *request) string { return q.State }),
	"status-code":              resource.One(func(q *request) string { return q.Status.Code }),
	"status-message":           resource.One(func(q *request) string { return q.Status.Message }),
	"type":                     resource.One((*request).kind),
	"valid-from":               resource.One(func(q *request) string { return stamp(q.From) }),
	"valid-until":              resource.One(func(q *request) string { return stamp(q.Until) }),
}

func (q *request) fault() status {
	if q.State == "failed" {
		return q.Status
	}
	return status{}
}

// launchField is a filter on what a request launches.
func flag(b bool) string { return strconv.FormatBool(b) }

// launchList is a list of what a request launches with.
func launchList(f func(*api.RunInstancesInput) []string) func(*request) []string {
	return func(q *request) []string {
		in, err := q.input()
		if err != nil {
			return nil
		}
		return f(in)
	}
}

func launchDisk(f func(*api.BlockDeviceMapping, *api.EbsBlockDevice) string) func(*request) []string {
	return launchList(func(in *api.RunInstancesInput) (out []string) {
		for n := range in.BlockDeviceMappings {
			m := &in.BlockDeviceMappings[n]
			out = append(out, f(m, cmp.Or(m.Ebs, &api.EbsBlockDevice{})))
		}
		return out
	})
}

func launchField(f func(*api.RunInstancesInput) *string) func(*request) []string {
	return func(q *request) []string {
		in, err := q.input()
		if err != nil {
			return nil
		}
		return []string{cloud.Or(f(in), "")}
	}
}

// stamp is a time as filters compare it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
