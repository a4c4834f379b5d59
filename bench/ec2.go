package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"pileus/clock"
)

// ownNetwork says in the environment that this process is in a network
// namespace of its own already.
const ownNetwork = "PILEUS_BENCH_OWN_NETWORK"

// machines measures EC2 as its users meet it: over HTTP, with instances,
// volumes and packets of the kernel. It needs root on Linux, and runs itself
// again in a network namespace of its own.
func machines(ctx context.Context, o *options) error {
	if os.Geteuid() != 0 || exec.Command("unshare", "-n", "true").Run() != nil {
		fmt.Println("SKIPPED ec2: it needs root on Linux, and network namespaces")
		return nil
	}
	if os.Getenv(ownNetwork) == "" {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		c := exec.CommandContext(ctx, "unshare", append([]string{"-n", self}, os.Args[1:]...)...)
		c.Env = append(os.Environ(), ownNetwork+"=1")
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
		return c.Run()
	}
	if out, err := exec.CommandContext(ctx, "ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	rep := newReport(o)
	var err error
	if o.wants("describe") {
		err = simulated(ctx, o, rep)
	}
	if o.wants("boot") || o.wants("rules") || o.wants("disks") || o.wants("encrypted") {
		err = errors.Join(err, kernel(ctx, o, rep))
	}
	fmt.Println()
	for _, f := range rep.Footprint {
		fmt.Printf("%-78s %10.1f %s\n", f.Name, f.Value, f.Unit)
	}
	return errors.Join(err, rep.write(o.out))
}

// wants tells whether a part of the measurements of EC2 was asked for.
func (o *options) wants(part string) bool {
	return o.parts == "" || slices.Contains(strings.Split(o.parts, ","), part)
}

// region is one cloud under measurement, and a client of its EC2.
type region struct {
	*ec2.Client
	cloud *target
	rep   *report
	image string
	wire  *timed
}

// open starts a cloud over a plane.
func open(ctx context.Context, o *options, rep *report, plane string) (*region, error) {
	o.endpoint = ""
	t, err := o.newTarget(ctx, "pileus")
	if err != nil {
		return nil, err
	}
	if err := t.start(ctx, append([]string{"--plane", plane, "--uplink=false"}, o.args...)); err != nil {
		return nil, err
	}
	r := &region{cloud: t, rep: rep, wire: &timed{}}
	r.Client = ec2.New(ec2.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://" + t.addr), HTTPClient: r.wire,
		Credentials: credentials.NewStaticCredentialsProvider(ours.AccessKey, ours.Secret, ""),
	})
	images, err := r.DescribeImages(ctx, &ec2.DescribeImagesInput{Owners: []string{"amazon"},
		Filters: []types.Filter{{Name: aws.String("name"), Values: []string{"al2023-ami-*"}}, {Name: aws.String("architecture"), Values: []string{"x86_64"}}}})
	if err == nil && len(images.Images) == 0 {
		err = errors.New("there is no built-in image")
	}
	if err != nil {
		return r, err
	}
	r.image = aws.ToString(images.Images[0].ImageId)
	return r, nil
}

// end stops the cloud and removes what it has in the kernel.
func (r *region) end() {
	if r == nil {
		return
	}
	if out, err := exec.Command(r.cloud.binary, "down", "--all", "--endpoint", "http://"+r.cloud.addr).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "bench: what is left of %s: %v: %s\n", r.cloud.dir, err, out)
	}
	r.cloud.stop()
}

// timed is an HTTP client that knows how long the last answer took, from the
// request to its last byte, without what the client makes of it.
type timed struct {
	last time.Duration
}

// Do implements ec2.HTTPClient.
func (m *timed) Do(q *http.Request) (*http.Response, error) {
	watch := clock.Start()
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(res.Body)
	m.last = watch.Elapsed()
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(strings.NewReader(string(b)))
	return res, nil
}

// patience is how long anything may take before it counts as failed.
const patience = time.Minute

// until asks again and again, without hurry, until the answer is yes.
func until(ctx context.Context, pause time.Duration, ask func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	machine := clock.New()
	for {
		if yes, err := ask(); yes || err != nil {
			return err
		}
		if err := machine.Wait(ctx, pause); err != nil {
			return fmt.Errorf("it has not come about after %v", patience)
		}
	}
}

// run launches instances of the built-in image.
func (r *region) run(ctx context.Context, n int32, more func(*ec2.RunInstancesInput)) (ids []string, err error) {
	in := &ec2.RunInstancesInput{ImageId: &r.image, InstanceType: types.InstanceTypeT3Micro, MinCount: &n, MaxCount: &n}
	if more != nil {
		more(in)
	}
	out, err := r.RunInstances(ctx, in)
	if err != nil {
		return nil, err
	}
	for _, i := range out.Instances {
		ids = append(ids, aws.ToString(i.InstanceId))
	}
	return ids, nil
}

// terminate ends instances and waits until they have.
func (r *region) terminate(ctx context.Context, ids []string) error {
	if _, err := r.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: ids}); err != nil {
		return err
	}
	return r.all(ctx, ids, types.InstanceStateNameTerminated)
}

// all waits until all instances have a state.
func (r *region) all(ctx context.Context, ids []string, state types.InstanceStateName) error {
	return until(ctx, 5*time.Millisecond, func() (bool, error) {
		out, err := r.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: ids})
		if err != nil {
			return false, err
		}
		for _, reservation := range out.Reservations {
			for _, i := range reservation.Instances {
				if i.State.Name != state {
					return false, nil
				}
			}
		}
		return true, nil
	})
}

// ms is a time in milliseconds.
func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// simulated measures what does not depend on the kernel.
func simulated(ctx context.Context, o *options, rep *report) error {
	r, err := open(ctx, o, rep, "sim")
	defer r.end()
	if err != nil {
		return err
	}
	var ids []string
	for range 10 {
		more, err := r.run(ctx, 100, nil)
		if err != nil {
			return err
		}
		ids = append(ids, more...)
	}
	if err := r.all(ctx, ids, types.InstanceStateNameRunning); err != nil {
		return err
	}
	var times []float64
	for range 21 {
		if _, err := r.DescribeInstances(ctx, &ec2.DescribeInstancesInput{}); err != nil {
			return err
		}
		times = append(times, ms(r.wire.last))
	}
	rep.figure("pileus", "DescribeInstances, 1,000 instances", median(times), "ms")
	return nil
}
