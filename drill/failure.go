package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// failure is a component and how it fails.
type failure struct {
	name, what string
	strike     func(ctx context.Context, d *drill) (victim string, err error)
	// detected tells which event shows that the cloud has noticed; nil where
	// there is nothing to notice.
	detected func(event) bool
	// over tells whether the users are served with the capacity that is wanted.
	over func(d *drill) bool
	// heal mends what does not mend itself; nil for nothing.
	heal func(ctx context.Context, d *drill) error
}

// failures in the order in which a drill does them.
var failures = []failure{
	{
		name: "process", what: "the web server in an instance is killed", strike: killServer,
		detected: unhealthy, over: restored,
	},
	{
		name: "instance", what: "an instance crashes", strike: killInstance,
		detected: unhealthy, over: restored,
	},
	{
		name: "node", what: "the load balancer's node in a zone is cut off", strike: cutNode,
		detected: func(e event) bool { return e.Kind == named }, over: served, heal: mendNode,
	},
	{
		name: "zone", what: "a zone goes dark", strike: cutZone,
		detected: unhealthy, over: restored, heal: mendZone,
	},
	{
		name: "pileus", what: "pileus itself is killed (SIGKILL) and started again", strike: killCloud,
		over: func(d *drill) bool { return served(d) && restored(d) },
	},
	{
		name: "load", what: "the load on the processors rises", strike: burn,
		detected: func(e event) bool { return e.Kind == alarmed && e.What == "ALARM" },
		over:     func(d *drill) bool { s := d.watcher.last(); return s.Wanted >= desired+scaleBy && restored(d) }, heal: cool,
	},
}

// Failures are the names of what a drill can break.
func Failures() []string {
	list := make([]string, len(failures))
	for i, f := range failures {
		list[i] = f.name
	}
	return list
}

func unhealthy(e event) bool {
	return e.Kind == targeted && !strings.HasSuffix(e.What, " is healthy") && !strings.HasSuffix(e.What, " is initial")
}

// restored tells whether as many targets are healthy as instances are wanted.
func restored(d *drill) bool {
	s := d.watcher.last()
	return s.Wanted > 0 && s.healthy() >= s.Wanted
}

// served tells whether the application answers.
func served(d *drill) bool { return d.users.answers() }

// victim is an instance that serves now.
func (d *drill) victim() (string, error) {
	var list []string
	for id, state := range d.watcher.last().targets {
		if state == "healthy" {
			list = append(list, id)
		}
	}
	if len(list) == 0 {
		return "", errors.New("no instance is healthy before the failure")
	}
	return pick(list), nil
}

// firstProcess is the process, on the machine that all of this runs on, that an
// instance is.
func (d *drill) firstProcess(id string) (int, error) {
	files, err := filepath.Glob(filepath.Join(d.cloud.data(), "*", "machines", id, "machine.json"))
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("%s has no machine: %w", id, errors.Join(err, os.ErrNotExist))
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		return 0, err
	}
	var r struct{ PID int }
	if err := json.Unmarshal(b, &r); err != nil || r.PID == 0 {
		return 0, fmt.Errorf("%s does not run: %w", id, errors.Join(err, os.ErrProcessDone))
	}
	return r.PID, nil
}

func killInstance(_ context.Context, d *drill) (string, error) {
	id, err := d.victim()
	if err != nil {
		return "", err
	}
	pid, err := d.firstProcess(id)
	if err != nil {
		return "", err
	}
	return id, syscall.Kill(pid, syscall.SIGKILL)
}

func killServer(_ context.Context, d *drill) (string, error) {
	id, err := d.victim()
	if err != nil {
		return "", err
	}
	first, err := d.firstProcess(id)
	if err != nil {
		return "", err
	}
	home, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", first))
	if err != nil {
		return "", err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // it may be gone
		where, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
		program, _, _ := strings.Cut(string(line), "\x00")
		if where == home && filepath.Base(program) == "httpd" {
			return "httpd in " + id, syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return "", fmt.Errorf("no web server runs in %s", id)
}

func cutZone(ctx context.Context, d *drill) (string, error) {
	zone := d.tier.zones[0]
	return zone, d.cloud.run(ctx, "fault", "zone", zone, "down")
}

func mendZone(ctx context.Context, d *drill) error {
	return d.cloud.run(ctx, "fault", "zone", d.tier.zones[0], "up")
}

// cutNode puts the first public subnet, in which nothing but the load
// balancer's node lives, behind a network ACL that lets nothing through.
func cutNode(ctx context.Context, d *drill) (string, error) {
	var wall string
	if err := d.made(ctx, &wall, ec2, "CreateNetworkAcl", "VpcId", d.tier.vpc); err != nil {
		return "", err
	}
	return "the node in " + d.tier.zones[0], d.moveNode(ctx, wall)
}

func mendNode(ctx context.Context, d *drill) error { return d.moveNode(ctx, d.tier.acl) }

func (d *drill) moveNode(ctx context.Context, acl string) error {
	var out struct {
		List []struct {
			ID     string `xml:"networkAclAssociationId"`
			Subnet string `xml:"subnetId"`
		} `xml:"networkAclSet>item>associationSet>item"`
	}
	if err := d.cloud.query(ctx, ec2, "DescribeNetworkAcls", &out, "Filter.1.Name", "vpc-id", "Filter.1.Value.1", d.tier.vpc); err != nil {
		return err
	}
	for _, a := range out.List {
		if a.Subnet == d.tier.public[0] {
			return d.all(ctx, ec2, []string{"ReplaceNetworkAclAssociation", "AssociationId", a.ID, "NetworkAclId", acl})
		}
	}
	return fmt.Errorf("subnet %s has no network ACL", d.tier.public[0])
}

// killCloud kills the cloud and starts it again, as a supervisor would. The
// instances have to be the same processes after it.
func killCloud(ctx context.Context, d *drill) (string, error) {
	before, err := d.processes()
	if err != nil {
		return "", err
	}
	if err := d.cloud.kill(); err != nil {
		return "", err
	}
	d.restarted = d.clock.Elapsed()
	if err := d.cloud.start(ctx); err != nil {
		return "", err
	}
	d.watcher.note(answered, "pileus is ready again")
	after, err := d.processes()
	if err != nil {
		return "", err
	}
	if !slices.Equal(before, after) {
		return "", fmt.Errorf("instances were touched: they were processes %v and are %v", before, after)
	}
	return fmt.Sprintf("pileus; its %d instances run on", len(after)), nil
}

// processes are those of the group's instances.
func (d *drill) processes() (list []int, err error) {
	for id := range d.watcher.last().instances {
		pid, err := d.firstProcess(id)
		if err != nil {
			return nil, err
		}
		if err := syscall.Kill(pid, 0); err != nil {
			return nil, fmt.Errorf("%s: %w", id, err)
		}
		list = append(list, pid)
	}
	slices.Sort(list)
	return list, nil
}

// burn has all instances compute. Requests go round, so each is asked twice.
func burn(ctx context.Context, d *drill) (string, error) {
	asked := 0
	err := until(ctx, 20*time.Second, 50*time.Millisecond, "the instances compute", func() (bool, error) {
		if err := d.users.get("/cgi-bin/burn", visitWithin); err != nil {
			return false, err
		}
		asked++
		return asked >= 2*desired, nil
	})
	return "the CPUs of all instances", err
}

// cool goes back to the size before, for what comes next.
func cool(ctx context.Context, d *drill) error {
	return d.all(ctx, autoscaling, []string{"SetDesiredCapacity", "AutoScalingGroupName", d.tier.group, "DesiredCapacity", strconv.Itoa(desired)})
}
