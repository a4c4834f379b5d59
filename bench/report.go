package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"text/tabwriter"

	"pileus/bench/load"
	"pileus/clock"
)

// report is everything that was measured.
type report struct {
	When      string
	Cores     int
	Go        string
	Results   []load.Result
	Footprint []figure
	Failures  []string
	targets   []string
	workload  map[string]load.Workload
}

// figure is one number about a target beside its speed.
type figure struct {
	Target, Name string
	Value        float64
	Unit         string
}

func newReport(o *options) *report {
	r := &report{When: clock.Machine().Format("2006-01-02T15:04:05Z"), Cores: runtime.NumCPU(), Go: runtime.Version(),
		targets: o.targets, workload: map[string]load.Workload{}}
	for _, w := range o.workloads {
		r.workload[w.Name] = w
	}
	return r
}

// add takes a measurement, and shows it, so that one can watch.
func (r *report) add(m load.Result) {
	r.Results = append(r.Results, m)
	fmt.Fprintf(os.Stderr, "%-18s %-7s round %d %9.0f/s  p50 %7.3f ms  p99 %8.3f ms  cpu/op server %6.0f us client %5.0f us  errors %d %s\n",
		m.Workload, m.Target, m.Round+1, m.PerSecond, m.P50, m.P99, m.ServerCPU, m.ClientCPU, m.Errors, m.FirstError)
}

func (r *report) failed(what string, err error) {
	text := what + ": " + err.Error()
	r.Failures = append(r.Failures, text)
	fmt.Fprintln(os.Stderr, "bench:", text)
}

func (r *report) figure(target, name string, value float64, unit string) {
	r.Footprint = append(r.Footprint, figure{target, name, value, unit})
	fmt.Fprintf(os.Stderr, "%-7s %s: %.1f %s\n", target, name, value, unit)
}

// memory notes what a target holds after its work.
func (r *report) memory(t *target) {
	if t.pid() == 0 {
		return
	}
	now, peak := memory(t.pid())
	r.figure(t.name, "start to ready", float64(t.started.Microseconds())/1000, "ms")
	r.figure(t.name, "memory after the workloads", now, "MiB")
	r.figure(t.name, "memory at most", peak, "MiB")
}

// median is the middle of a target's rounds of a workload by a measure.
func (r *report) median(workload, target string, of func(load.Result) float64) float64 {
	var all []float64
	for _, m := range r.Results {
		if m.Workload == workload && m.Target == target {
			all = append(all, of(m))
		}
	}
	return median(all)
}

func median(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	n := len(all)
	return (all[n/2] + all[(n-1)/2]) / 2
}

func rate(m load.Result) float64 { return m.PerSecond }

// print shows the medians as a table: rates, ratios, latencies.
func (r *report) print(out io.Writer) {
	fmt.Fprintf(out, "\n%s, %d cores, %s; medians\n\n", r.When, r.Cores, r.Go)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "workload\t")
	for _, t := range r.targets {
		fmt.Fprintf(w, "%s/s\t", t)
	}
	fmt.Fprint(w, "of floor\tof minio\tcontent\t")
	for _, t := range r.targets {
		fmt.Fprintf(w, "%s p50 ms\tp99 ms\tcpu us\t", t)
	}
	fmt.Fprintln(w)
	for _, name := range r.workloads() {
		r.row(w, name)
	}
	if err := w.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	fmt.Fprintln(out)
	for _, f := range r.Footprint {
		fmt.Fprintf(out, "%-7s %-40s %10.1f %s\n", f.Target, f.Name, f.Value, f.Unit)
	}
	for _, f := range r.Failures {
		fmt.Fprintln(out, "FAILED", f)
	}
}

func (r *report) row(w io.Writer, name string) {
	fmt.Fprintf(w, "%s\t", name)
	for _, t := range r.targets {
		fmt.Fprintf(w, "%s\t", number(r.median(name, t, rate)))
	}
	mine := r.median(name, "pileus", rate)
	for _, other := range []string{"floor", "minio"} {
		theirs := r.median(name, other, rate)
		if mine == 0 || theirs == 0 {
			fmt.Fprint(w, "-\t")
			continue
		}
		fmt.Fprintf(w, "%.2f\t", mine/theirs)
	}
	fmt.Fprintf(w, "%s\t", r.content(name, mine))
	for _, t := range r.targets {
		fmt.Fprintf(w, "%.2f\t%.2f\t%.0f\t", r.median(name, t, func(m load.Result) float64 { return m.P50 }),
			r.median(name, t, func(m load.Result) float64 { return m.P99 }), r.median(name, t, func(m load.Result) float64 { return m.ServerCPU }))
	}
	fmt.Fprintln(w)
}

// content is what a rate of operations carries: bytes, messages or keys.
func (r *report) content(name string, rate float64) string {
	w := r.workload[name]
	switch {
	case rate == 0:
		return "-"
	case w.Bytes > 0:
		return number(rate*float64(w.Bytes)/(1<<20)) + " MiB/s"
	case w.Items > 1:
		return number(rate*float64(w.Items)) + " items/s"
	}
	return "-"
}

// workloads are the names that were measured, in order.
func (r *report) workloads() (all []string) {
	for _, m := range r.Results {
		if !slices.Contains(all, m.Workload) {
			all = append(all, m.Workload)
		}
	}
	return all
}

func number(v float64) string {
	switch {
	case v == 0:
		return "-"
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// write saves everything as JSON.
func (r *report) write(file string) error {
	if file == "" {
		return nil
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(b, '\n'), 0o644)
}
