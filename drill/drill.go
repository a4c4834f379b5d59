package drill

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pileus/clock"
)

// Options are what a drill is to do.
type Options struct {
	Program string // the pileus program
	Dir     string // where the cloud's state and log are kept; made if missing
	Region  string
	Rate    int // requests a second
	// Failures by name, in this order; none for all, see Failures.
	Failures []string
	// Day spreads the failures over a day of the cloud's clock, which is moved a
	// minute at a time between them, while the users go on.
	Day bool
	// Out is told what happens as it happens; nil for nobody.
	Out io.Writer
}

// drill is one run.
type drill struct {
	Options
	cloud     *cloud
	tier      tier
	guard     string // the web instances' security group
	clock     clock.Stopwatch
	users     *users
	watcher   *watcher
	leads     atomic.Pointer[[]netip.Addr] // the load balancer's name
	restarted time.Duration                // when the cloud was started again
	talk      sync.Mutex
}

const (
	quiet     = 5 * time.Second // before and after each failure
	recovers  = 3 * time.Minute // how long a failure may take to be over
	nameEvery = 500 * time.Millisecond
)

// Run does a drill. It leaves nothing behind but what is in Options.Dir. Where
// something that was to come did not, there is an error, and the report of what
// was until then.
func Run(ctx context.Context, o Options) (r *Report, err error) {
	d := &drill{Options: o, clock: clock.Start()}
	chosen, err := choose(o.Failures)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	if d.cloud, err = newCloud(o.Program, o.Dir, o.Region); err != nil {
		return nil, err
	}
	d.say("Starting a cloud for the drill at %s", d.cloud.endpoint)
	if err := d.cloud.start(ctx); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.cloud.down()) }()
	d.say("Building the application:")
	if err := d.build(ctx); err != nil {
		return nil, err
	}
	return d.run(ctx, chosen)
}

// choose finds failures by their names.
func choose(names []string) ([]failure, error) {
	if len(names) == 0 {
		return failures, nil
	}
	var list []failure
	for _, n := range names {
		i := slices.IndexFunc(failures, func(f failure) bool { return f.name == n })
		if i < 0 {
			return nil, fmt.Errorf("a drill knows no failure %q: there are %s", n, strings.Join(Failures(), ", "))
		}
		list = append(list, failures[i])
	}
	return list, nil
}

// run loads the application and breaks it.
func (d *drill) run(ctx context.Context, chosen []failure) (*Report, error) {
	loaded, stop := context.WithCancel(ctx)
	defer stop()
	d.clock = clock.Start()
	if err := d.resolve(ctx); err != nil {
		return nil, err
	}
	d.users = newUsers(d.tier.address, d.Rate, d.addresses, d.clock)
	d.watcher = &watcher{d: d, watch: d.clock}
	var all sync.WaitGroup
	all.Go(func() { d.follow(loaded) })
	all.Go(func() { d.watcher.run(loaded) })
	all.Go(func() { d.users.run(loaded) })
	d.say("%d requests a second go to http://%s/", d.Rate, d.tier.address)
	var results []Result
	machine := clock.New()
	err := machine.Wait(ctx, quiet)
	for i := 0; i < len(chosen) && err == nil; i++ {
		if d.Day {
			err = d.pass(ctx, 24*time.Hour/time.Duration(len(chosen)))
		}
		if err == nil {
			var r Result
			r, err = d.fail(ctx, chosen[i])
			results = append(results, r)
		}
	}
	stop()
	all.Wait()
	if ctx.Err() != nil {
		return nil, err
	}
	r, failed := d.report(ctx, results)
	return r, errors.Join(err, failed)
}

// pass lets time go by on the cloud's clock, minute by minute, so that whatever
// falls due has its turn.
func (d *drill) pass(ctx context.Context, length time.Duration) error {
	for range int(length / time.Minute) {
		if err := d.cloud.advance(ctx, time.Minute); err != nil {
			return err
		}
	}
	now, err := d.cloud.now(ctx)
	if err != nil {
		return err
	}
	d.watcher.note(clocked, length.String()+" have passed: it is "+now.Format("15:04 on 2 January 2006"))
	// A minute of the cloud's clock is an instant of the processors': what they did
	// in it may have rung the alarm. The next failure begins with the usual size.
	if err := cool(ctx, d); err != nil {
		return err
	}
	return until(ctx, recovers, lookEvery, "the group has its size again", func() (bool, error) {
		s := d.watcher.last()
		return s.Wanted == desired && s.healthy() == desired && s.alarm != "ALARM", fmt.Errorf("%d of %d targets healthy, the alarm is %s", s.healthy(), s.Wanted, s.alarm)
	})
}

// fail does one failure and watches what comes of it. Where that does not come,
// the result has what the users have seen until then.
func (d *drill) fail(ctx context.Context, f failure) (r Result, err error) {
	wait := func(what string, limit time.Duration, ok func() bool) error {
		return until(ctx, limit, 50*time.Millisecond, what, func() (bool, error) { return ok(), nil })
	}
	r = Result{Failure: f.name, What: f.what, Detect: -1, Shift: -1, Recover: -1}
	d.say("\nWhat happens when %s?", f.what)
	at := d.watcher.note(struck, f.what)
	defer func() {
		d.count(&r, at)
		if err != nil {
			r.Note = "the drill ended here: " + err.Error()
		}
	}()
	if r.Victim, err = f.strike(ctx, d); err != nil {
		return r, fmt.Errorf("%s: %w", f.name, err)
	}
	from := at
	if f.detected != nil {
		var seen event
		err := wait(f.name+": noticed", recovers, func() bool {
			var ok bool
			seen, ok = d.watcher.first(at, f.detected)
			return ok
		})
		if err != nil {
			return r, err
		}
		r.Detect, from = since(at, seen.At), seen.At
	}
	if err := wait(f.name+": recovered", recovers, func() bool { return d.watcher.last().At > from && f.over(d) }); err != nil {
		return r, err
	}
	r.Recover = since(at, d.clock.Elapsed())
	machine := clock.New()
	if err := machine.Wait(ctx, quiet); err != nil {
		return r, err
	}
	if f.heal != nil {
		d.watcher.note(healed, f.what+": mended")
		if err := f.heal(ctx, d); err != nil {
			return r, err
		}
	}
	if err := until(ctx, recovers, lookEvery, "all instances in service again", d.whole); err != nil {
		return r, err
	}
	return r, machine.Wait(ctx, quiet)
}

// count adds what the users have seen since a failure struck.
func (d *drill) count(r *Result, at time.Duration) {
	r.Begin, r.End = at.Seconds(), d.clock.Elapsed().Seconds()
	for _, o := range d.users.since(at) {
		r.Sent++
		switch {
		case o.failed != "":
			r.Failed++
		case o.again:
			r.Again++
		default:
			continue
		}
		r.Shift = max(r.Shift, since(at, o.at))
	}
	if d.restarted > at {
		for _, o := range d.users.since(d.restarted) {
			if o.failed == "" && !o.again {
				r.Note = fmt.Sprintf("the first request was answered %.2f s after the start", since(d.restarted, o.at+o.took))
				break
			}
		}
	}
}

// report puts together what came of all, and looks whether what was
// acknowledged is there.
func (d *drill) report(ctx context.Context, results []Result) (*Report, error) {
	r := &Report{Region: d.Region, Rate: d.Rate, Results: results, Events: d.watcher.events, Sights: d.watcher.sights}
	list := d.users.since(0)
	r.Requests = tallies(list)
	kept, err := d.kept(ctx)
	if err != nil {
		return nil, err
	}
	reasons := map[string]int{}
	for _, o := range list {
		r.Sent++
		switch {
		case o.failed != "":
			r.Failed++
			reasons[o.failed]++
		case o.again:
			r.Again++
		}
		if o.kept != "" {
			if r.Visits++; !kept[o.kept] {
				r.Lost++
			}
		}
	}
	for text, n := range reasons {
		r.Reasons = append(r.Reasons, fmt.Sprintf("%d x %s", n, text))
	}
	slices.Sort(r.Reasons)
	return r, nil
}

// tallies counts outcomes by the second in which they were sent.
func tallies(list []outcome) []tally {
	var out []tally
	var times [][]time.Duration
	for _, o := range list {
		n := int(o.at / time.Second)
		for len(out) <= n {
			out, times = append(out, tally{}), append(times, nil)
		}
		switch t := &out[n]; {
		case o.failed != "":
			t.Failed++
		case o.again:
			t.Again++
		default:
			t.OK++
		}
		times[n] = append(times[n], o.took)
	}
	for n, l := range times {
		if len(l) > 0 {
			slices.Sort(l)
			out[n].P99 = float64(l[(len(l)*99)/100].Microseconds()) / 1000
		}
	}
	return out
}

// kept are the visits that the bucket holds.
func (d *drill) kept(ctx context.Context) (map[string]bool, error) {
	all := map[string]bool{}
	for after := ""; ; {
		b, err := d.cloud.send(ctx, "s3", http.MethodGet, "/"+d.tier.bucket+"?list-type=2&start-after="+url.QueryEscape(after), "", "")
		if err != nil {
			return nil, err
		}
		var page struct {
			Keys []string `xml:"Contents>Key"`
			More bool     `xml:"IsTruncated"`
		}
		if err := xml.Unmarshal(b, &page); err != nil {
			return nil, err
		}
		for _, k := range page.Keys {
			all[k], after = true, k
		}
		if !page.More {
			return all, nil
		}
	}
}

// follow keeps up with where the load balancer's name leads.
func (d *drill) follow(ctx context.Context) {
	for machine := clock.New(); machine.Wait(ctx, nameEvery) == nil; {
		_ = d.resolve(ctx) // while nobody answers, what was known before stands, as in any resolver
	}
}

// addresses are those of the load balancer's name, as they are known.
func (d *drill) addresses() []netip.Addr {
	if p := d.leads.Load(); p != nil {
		return *p
	}
	return nil
}

// say tells what happens.
func (d *drill) say(format string, args ...any) {
	if d.Out == nil {
		return
	}
	d.talk.Lock()
	defer d.talk.Unlock()
	fmt.Fprintf(d.Out, format+"\n", args...)
}
