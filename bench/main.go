// Command bench measures pileus against a floor, a bare server that verifies
// signatures and answers, and against MinIO where there is one: in turns, on
// the same machine, in the same session, so that every figure is a ratio.
//
//	go run ./bench                                  all workloads, pileus and floor
//	go run ./bench -target pileus,floor,minio -workload s3-put-4k,s3-get-4k -seconds 5
//	MINIO=/usr/local/bin/minio go run ./bench -target pileus,minio   a MinIO that is there; it is built otherwise
//	go run ./bench -footprint                       start-up times, memory, size of the binary as well
//	go run ./bench -ec2                             instances, volumes and packets; as root
//	go run ./bench -soak 1h -rate 500               mixed load for an hour: does memory stay flat?
//	go run ./bench -endpoint 127.0.0.1:4566         a cloud that is running already
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"pileus/bench/load"
	"pileus/clock"
	"pileus/sigv4"
)

// options are what the command line asks for.
type options struct {
	targets   []string
	workloads []load.Workload
	duration  time.Duration
	rounds    int
	pileus    string
	args      []string // further ones of pileus up
	dir       string
	endpoint  string
	out       string
	footprint bool
	ec2       bool
	parts     string // of ec2; "" for all
	signed    bool
	fill      int
	pause     time.Duration
	soak      time.Duration
	rate      int
}

func main() {
	o, err := parseFlags()
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		switch {
		case o.ec2:
			err = machines(ctx, o)
		case o.soak > 0:
			err = soak(ctx, o, o.soak)
		default:
			err = run(ctx, o)
		}
		stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parseFlags() (*options, error) {
	o := &options{}
	targets := flag.String("target", "pileus,floor", "what to measure: pileus, floor, minio (the binary that MINIO names, or else built)")
	workloads := flag.String("workload", "all", "workloads: all, a prefix (s3, sqs) or names: "+strings.Join(names(load.Workloads()), " "))
	seconds := flag.Float64("seconds", 5, "length of one measurement")
	flag.IntVar(&o.rounds, "rounds", 3, "measurements of each workload on each target; the table has their medians")
	flag.StringVar(&o.pileus, "pileus", "bin/pileus", "the binary")
	args := flag.String("args", "", "further arguments of pileus up, such as --durability=async")
	flag.StringVar(&o.dir, "dir", os.TempDir(), "folder for the targets' data")
	flag.StringVar(&o.endpoint, "endpoint", "", "measure the cloud at this host:port, with test/test, in place of starting one")
	flag.StringVar(&o.out, "json", "", "write all measurements to this file")
	flag.BoolVar(&o.footprint, "footprint", false, "measure start-up, memory and long polls of pileus as well")
	flag.BoolVar(&o.ec2, "ec2", false, "measure instances, networks and volumes in the kernel; as root, and nothing else")
	flag.StringVar(&o.parts, "parts", "", "for -ec2: those of describe, boot, rules, disks and encrypted; all if empty")
	flag.IntVar(&o.fill, "fill", 0, "for -footprint: that many objects and messages before the restarts")
	flag.BoolVar(&o.signed, "signed", false, "sign the digest of S3's bodies, as clients do over plain HTTP")
	flag.IntVar(&o.rate, "rate", 0, "operations a second, in place of as many as can be")
	flag.DurationVar(&o.soak, "soak", 0, "load pileus in turns for so long and print its memory")
	conns := flag.Int("conns", 0, "connections, in place of each workload's own number")
	flag.Parse()
	o.duration = time.Duration(*seconds * float64(time.Second))
	o.args = strings.Fields(*args)
	o.targets = strings.Split(*targets, ",")
	o.pause = 300 * time.Millisecond
	for _, w := range load.Workloads() {
		for _, want := range strings.Split(*workloads, ",") {
			if want == "all" || w.Name == want || strings.HasPrefix(w.Name, want+"-") && !slices.Contains(names(load.Workloads()), want) {
				if *conns > 0 {
					w.Conns = *conns
				}
				w.Rate = o.rate
				o.workloads = append(o.workloads, w)
				break
			}
		}
	}
	if len(o.workloads) == 0 && !o.footprint {
		return nil, fmt.Errorf("no workload is called %q", *workloads)
	}
	return o, nil
}

func names(ws []load.Workload) (s []string) {
	for _, w := range ws {
		s = append(s, w.Name)
	}
	return s
}

// run starts the targets, measures, and prints.
func run(ctx context.Context, o *options) error {
	rep := newReport(o)
	targets, err := startAll(ctx, o)
	defer func() {
		for _, t := range targets {
			t.stop()
		}
	}()
	if err != nil {
		return err
	}
	for _, w := range o.workloads {
		if err := measure(ctx, o, w, targets, rep); err != nil {
			rep.failed(w.Name, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	for _, t := range targets {
		rep.memory(t)
	}
	if o.footprint {
		if err := footprint(ctx, o, rep); err != nil {
			rep.failed("footprint", err)
		}
	}
	rep.print(os.Stdout)
	return rep.write(o.out)
}

// measure runs one workload on all targets that have its service, in rounds;
// those not measured are stopped by signal, so that they take no processor.
func measure(ctx context.Context, o *options, w load.Workload, targets []*target, rep *report) error {
	var able []*target
	for _, t := range targets {
		if t.serves(w.Service) {
			able = append(able, t)
		}
	}
	machine := clock.New()
	ready := able[:0:0]
	for _, t := range able {
		if err := t.session.Setup(w); err != nil {
			rep.failed(w.Name, err)
			continue
		}
		ready = append(ready, t)
		t.freeze()
	}
	defer func() {
		for _, t := range ready {
			t.thaw()
		}
	}()
	for round := range o.rounds {
		for i := range ready {
			t := ready[(i+round)%len(ready)]
			t.thaw()
			r, err := t.run(w, o.duration)
			if err != nil {
				rep.failed(w.Name, err)
			} else {
				r.Round = round
				rep.add(r)
			}
			t.freeze()
			if err := machine.Wait(ctx, o.pause); err != nil {
				return err
			}
		}
	}
	return nil
}

// credentials of the targets: MinIO wants longer ones.
var (
	ours   = sigv4.Credential{AccessKey: "test", Secret: "test"}
	minios = sigv4.Credential{AccessKey: "minioadmin", Secret: "minioadmin"}
)
