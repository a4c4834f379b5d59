package ec2_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pileus/ami"
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/plane/sim"
	"pileus/service/ec2"
	"pileus/store"
	"pileus/zone"
)

// world is EC2 alone over a simulated data plane.
type world struct {
	*nodetest.World
	plane *sim.Plane
}

func newWorld(t *testing.T, o node.Options) *world {
	p := sim.New(t.TempDir())
	o.Plane, o.Rehearse, o.Seed = p, true, 1
	o.Modules = func(parts node.Parts) []cloud.Module {
		return []cloud.Module{ec2.Module(ec2.Parts{Plane: parts.Plane})}
	}
	return &world{nodetest.Start(t, o), p}
}

// zones asks the administrator's path as `pileus fault zone` does.
func (w *world) zones(method, path, body string) (status int, out zone.Answer) {
	w.T.Helper()
	req, err := http.NewRequestWithContext(w.T.Context(), method, w.Endpoint+zone.Path+path, strings.NewReader(body))
	if err != nil {
		w.T.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.T.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		w.T.Fatal(err)
	}
	w.Drain()
	return res.StatusCode, out
}

func (w *world) set(body string) {
	w.T.Helper()
	if status, out := w.zones("POST", "", body); status != http.StatusOK {
		w.T.Fatalf("%s: %d %+v", body, status, out)
	}
}

// zoneShown is a zone as DescribeAvailabilityZones has it.
func (w *world) zoneShown(name string) api.AvailabilityZone {
	w.T.Helper()
	return nodetest.Do(w.World, &api.DescribeAvailabilityZones, &api.DescribeAvailabilityZonesInput{ZoneNames: []string{name}}).AvailabilityZones[0]
}

// launch runs an instance in a zone; "" for any.
func (w *world) launch(name string) (api.Instance, error) {
	in := &api.RunInstancesInput{ImageId: new(ami.All()[0].ID(nodetest.Region)), InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1}
	if name != "" {
		in.Placement = &api.Placement{AvailabilityZone: &name}
	}
	out, err := nodetest.Try(w.World, &api.RunInstances, in)
	if err != nil {
		return api.Instance{}, err
	}
	w.Drain()
	return out.Instances[0], nil
}

// health is an instance's system and instance check.
func (w *world) health(id string) string {
	w.T.Helper()
	out := nodetest.Do(w.World, &api.DescribeInstanceStatus, &api.DescribeInstanceStatusInput{InstanceIds: []string{id}})
	return *out.InstanceStatuses[0].SystemStatus.Status + " " + *out.InstanceStatuses[0].InstanceStatus.Status
}

func code(err error) string {
	var e *cloud.Error
	if !errors.As(err, &e) {
		return ""
	}
	return e.Code
}

func TestDarkZone(t *testing.T) {
	w := newWorld(t, node.Options{})
	const a, b = "us-east-1a", "us-east-1b"
	i, err := w.launch(a)
	if err != nil {
		t.Fatal(err)
	}
	stopped, err := w.launch(a)
	if err != nil {
		t.Fatal(err)
	}
	nodetest.Do(w.World, &api.StopInstances, &api.StopInstancesInput{InstanceIds: []string{*stopped.InstanceId}})
	w.Drain()
	volume := *nodetest.Do(w.World, &api.CreateVolume, &api.CreateVolumeInput{AvailabilityZone: new(a), Size: new(int32(1))}).VolumeId
	w.Drain()
	attach := func() error {
		_, err := nodetest.Try(w.World, &api.AttachVolume, &api.AttachVolumeInput{VolumeId: volume, InstanceId: *i.InstanceId, Device: "/dev/sdf"})
		return err
	}
	start := func() error {
		_, err := nodetest.Try(w.World, &api.StartInstances, &api.StartInstancesInput{InstanceIds: []string{*stopped.InstanceId}})
		return err
	}

	w.set(`{"zone":"us-east-1a","state":"down"}`)
	if cut, _ := w.plane.ZoneFaults(); !slices.Equal(cut, []string{a}) {
		t.Errorf("the data plane cuts %v", cut)
	}
	if got := w.health(*i.InstanceId); got != "impaired impaired" {
		t.Errorf("checks in a dark zone: %s", got)
	}
	if z := w.zoneShown(a); *z.State != "unavailable" || len(z.Messages) != 1 {
		t.Errorf("the zone is shown as %s with %d messages", *z.State, len(z.Messages))
	}
	_, err = w.launch(a)
	if code(err) != "InsufficientInstanceCapacity" || !strings.Contains(err.Error(), "sufficient t3.micro capacity in the Availability Zone you requested (us-east-1a)") ||
		!strings.Contains(err.Error(), "choosing us-east-1b, ") {
		t.Errorf("a launch in a dark zone: %v", err)
	}
	if elsewhere, err := w.launch(""); err != nil || *elsewhere.Placement.AvailabilityZone != b {
		t.Errorf("a launch in any zone: %+v, %v", elsewhere.Placement, err)
	}
	if err := start(); code(err) != "InsufficientInstanceCapacity" {
		t.Errorf("a start in a dark zone: %v", err)
	}
	if err := attach(); code(err) != "Unavailable" {
		t.Errorf("attaching a volume in a dark zone: %v", err)
	}
	if _, err := nodetest.Try(w.World, &api.CreateVolume, &api.CreateVolumeInput{AvailabilityZone: new(a), Size: new(int32(1))}); code(err) != "InsufficientVolumeCapacity" {
		t.Errorf("a volume in a dark zone: %v", err)
	}

	w.set(`{"zone":"us-east-1a","state":"up"}`)
	if cut, _ := w.plane.ZoneFaults(); len(cut) != 0 {
		t.Errorf("after it healed the data plane cuts %v", cut)
	}
	w.Advance(5 * time.Minute) // so that no check is still warming up
	if got := w.health(*i.InstanceId); got != "ok ok" {
		t.Errorf("checks in a healed zone: %s", got)
	}
	if z := w.zoneShown(a); *z.State != "available" || len(z.Messages) != 0 {
		t.Errorf("the healed zone is shown as %s", *z.State)
	}
	for what, err := range map[string]error{"start": start(), "attach": attach()} {
		if err != nil {
			t.Errorf("%s in a healed zone: %v", what, err)
		}
	}
}

func TestSlowZone(t *testing.T) {
	w := newWorld(t, node.Options{})
	w.set(`{"zone":"us-east-1a","state":"slow","latencyMs":20,"rate":50000000}`)
	w.set(`{"zone":"us-east-1b","state":"slow","rate":1000000}`)
	want := []plane.SlowZone{{Zone: "us-east-1a", Latency: 20 * time.Millisecond, Rate: 50e6}, {Zone: "us-east-1b", Rate: 1e6}}
	if cut, slow := w.plane.ZoneFaults(); len(cut) != 0 || !slices.Equal(slow, want) {
		t.Errorf("the data plane has %v, %v", cut, slow)
	}
	if z := w.zoneShown("us-east-1a"); *z.State != "impaired" || *z.Messages[0].Message != "The links of the Availability Zone are slow: 20ms, 50 Mbit/s." {
		t.Errorf("a slow zone is shown as %s: %+v", *z.State, z.Messages)
	}
	if _, err := w.launch("us-east-1a"); err != nil {
		t.Errorf("a launch in a slow zone: %v", err)
	}
	status, out := w.zones("GET", "", "")
	if status != http.StatusOK || len(out.Zones) != 2 || out.Zones[0].String() != "slow: 20ms, 50 Mbit/s" || !out.Zones[0].Since.Equal(w.Now()) {
		t.Errorf("%d %+v", status, out)
	}
	if status, out := w.zones("DELETE", "/us-east-1a", ""); status != http.StatusOK || len(out.Zones) != 1 {
		t.Errorf("healing one: %d %+v", status, out)
	}
	if status, out := w.zones("DELETE", "", ""); status != http.StatusOK || len(out.Zones) != 0 {
		t.Errorf("healing all: %d %+v", status, out)
	}
	if _, slow := w.plane.ZoneFaults(); len(slow) != 0 {
		t.Errorf("the data plane still has %v", slow)
	}
	for _, bad := range []string{
		`{"zone":"us-east-1z","state":"down"}`, `{"zone":"us-east-1a","state":"odd"}`, `{"zone":"us-east-1a","state":"slow"}`,
		`{"zone":"us-east-1a","state":"slow","latencyMs":-1}`, `{"zone":"us-east-1a","state":"slow","rate":-1}`, `{`,
	} {
		if status, _ := w.zones("POST", "", bad); status != http.StatusBadRequest {
			t.Errorf("%s: %d", bad, status)
		}
	}
	if status, _ := w.zones("DELETE", "/us-east-1z", ""); status != http.StatusBadRequest {
		t.Errorf("healing a zone that is not there: %d", status)
	}
}

// TestSeveralCauses: what one experiment did to a zone does not end with
// another's end.
func TestSeveralCauses(t *testing.T) {
	w := newWorld(t, node.Options{})
	dark := func() bool {
		w.Drain()
		cut, _ := w.plane.ZoneFaults()
		return len(cut) > 0
	}
	c := w.Call()
	err := c.Update(func(tx store.Tx) error {
		zone.Put(tx, &zone.Fault{Zone: "us-east-1a", Cause: "one", Down: true, Since: c.Now})
		zone.Put(tx, &zone.Fault{Zone: "us-east-1a", Cause: "two", Down: true, Since: c.Now})
		return nil
	})
	if err != nil || !dark() {
		t.Fatalf("cut: %v", err)
	}
	for _, test := range []struct {
		heal string
		dark bool
	}{{"one", true}, {"two", false}} {
		err := c.Update(func(tx store.Tx) error { zone.Heal(tx, "us-east-1a", test.heal); return nil })
		if got := dark(); err != nil || got != test.dark {
			t.Errorf("without %s: dark %v, %v", test.heal, got, err)
		}
	}
}

func TestDarkZonesOutliveARestart(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t, node.Options{DataDir: dir})
	w.set(`{"zone":"us-east-1a","state":"down"}`)
	if err := w.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	again := newWorld(t, node.Options{DataDir: dir})
	if cut, _ := again.plane.ZoneFaults(); !slices.Equal(cut, []string{"us-east-1a"}) {
		t.Errorf("after a restart the data plane cuts %v", cut)
	}
	if _, err := again.launch("us-east-1a"); code(err) != "InsufficientInstanceCapacity" {
		t.Errorf("after a restart, a launch there: %v", err)
	}
}

// TestShortage refuses some, and others not.
func TestShortage(t *testing.T) {
	w := newWorld(t, node.Options{})
	const role = "arn:aws:iam::000000000000:role/web"
	w.Update(func(tx store.Tx) {
		zone.Shortages.Put(tx, &zone.Shortage{
			Cause: "x", Account: nodetest.Account, Region: nodetest.Region, Zones: []string{"us-east-1a"}, Roles: []string{role}, Groups: []string{"crew"}, Percent: 100,
		})
	})
	asked := func(p *cloud.Principal, name string, tags map[string]string) (short bool) {
		c := w.Call()
		if p != nil {
			c = c.As(p)
		}
		w.View(func(r store.Reader) { short = zone.Short(c, r, name, tags) })
		return short
	}
	as := &cloud.Principal{Kind: cloud.AssumedRole, RoleARN: role}
	for _, test := range []struct {
		p    *cloud.Principal
		zone string
		tags map[string]string
		want bool
	}{
		{nil, "us-east-1a", nil, false},
		{as, "us-east-1a", nil, true},
		{as, "us-east-1b", nil, false},
		{&cloud.Principal{Kind: cloud.AssumedRole, RoleARN: role + "2"}, "us-east-1a", nil, false},
		{nil, "us-east-1a", map[string]string{"aws:autoscaling:groupName": "crew"}, true},
		{nil, "us-east-1a", map[string]string{"aws:autoscaling:groupName": "other"}, false},
		{&cloud.Principal{Kind: cloud.Root, SourceARN: "arn:aws:autoscaling:us-east-1:000000000000:autoScalingGroup:x:autoScalingGroupName/crew"}, "us-east-1a", nil, true},
		{&cloud.Principal{Kind: cloud.Root, SourceARN: "arn:aws:autoscaling:us-east-1:000000000000:autoScalingGroup:x:autoScalingGroupName/other"}, "us-east-1a", nil, false},
	} {
		if got := asked(test.p, test.zone, test.tags); got != test.want {
			t.Errorf("%+v in %s with %v: %v", test.p, test.zone, test.tags, got)
		}
	}
}
