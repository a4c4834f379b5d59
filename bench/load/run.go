package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"pileus/clock"
)

// Result is one measurement.
type Result struct {
	Workload   string
	Target     string
	Round      int
	Seconds    float64
	Operations int64
	Errors     int64
	FirstError string `json:",omitempty"`
	PerSecond  float64
	P50, P99   float64 // milliseconds
	ServerCPU  float64 // microseconds of the server's processor time per operation; 0 where unknown
	ClientCPU  float64 // and of this program's
}

// Setup prepares a target for a workload, once.
func (s *Session) Setup(w Workload) error {
	c, err := dial(s.Addr)
	if err != nil {
		return err
	}
	defer c.close()
	if w.setup == nil {
		return nil
	}
	if err := w.setup(s, c); err != nil {
		return fmt.Errorf("setting up %s on %s: %w", w.Name, s.Name, err)
	}
	return nil
}

// Before does what must be done anew before each measurement.
func (s *Session) Before(w Workload, d time.Duration) error {
	if w.each == nil {
		return nil
	}
	rate := fillRate
	if w.Rate > 0 {
		rate = w.Rate
	}
	return w.each(s, nil, int(d.Seconds()*float64(rate))+2*w.Conns)
}

// lane is one connection with its operation and what it measured.
type lane struct {
	conn   *conn
	op     operation
	times  histogram
	errors int64
	first  error
	pace   time.Duration // from one operation to the next; 0: at once
	begin  time.Duration // of the first
}

// Run repeats a workload's operation on its connections for a time. begin is
// called once everything is signed and connected and before the clock starts.
func (s *Session) Run(w Workload, d time.Duration, begin func()) (Result, error) {
	lanes := make([]*lane, w.Conns)
	for i := range lanes {
		c, err := dial(s.Addr)
		if err != nil {
			return Result{}, err
		}
		defer c.close()
		op, err := w.worker(s, i)
		if err != nil {
			return Result{}, err
		}
		lanes[i] = &lane{conn: c, op: op}
		if w.Rate > 0 { // evenly, and each connection a little later than the one before
			beat := time.Second / time.Duration(w.Rate)
			lanes[i].pace, lanes[i].begin = beat*time.Duration(w.Conns), beat*time.Duration(i)
		}
		if err := op(c); err != nil { // warm: the first one opens what is lazy
			return Result{}, fmt.Errorf("%s on %s: %w", w.Name, s.Name, err)
		}
	}
	begin()
	watch := clock.Start()
	var all sync.WaitGroup
	for _, l := range lanes {
		all.Go(func() { l.run(watch, d) })
	}
	all.Wait()
	return sum(w, s, lanes, watch.Elapsed()), nil
}

// run repeats until the time is over or the connection is beyond repair.
func (l *lane) run(watch clock.Stopwatch, d time.Duration) {
	machine, next := clock.New(), l.begin
	for last := watch.Elapsed(); last < d; {
		if l.pace > 0 {
			if next >= d {
				return
			}
			if machine.Wait(context.Background(), next-last) != nil {
				return
			}
			last, next = watch.Elapsed(), next+l.pace
		}
		err := l.op(l.conn)
		now := watch.Elapsed()
		if err != nil {
			l.errors++
			if l.first == nil {
				l.first = err
			}
			if errors.Is(err, errEmpty) || l.conn.net == nil {
				return
			}
		} else {
			l.times.add(now - last)
		}
		last = now
	}
}

func sum(w Workload, s *Session, lanes []*lane, took time.Duration) Result {
	r := Result{Workload: w.Name, Target: s.Name, Seconds: took.Seconds()}
	var times histogram
	for _, l := range lanes {
		times.merge(&l.times)
		r.Errors += l.errors
		if r.FirstError == "" && l.first != nil {
			r.FirstError = l.first.Error()
		}
	}
	r.Operations = times.total
	r.PerSecond = float64(r.Operations) / r.Seconds
	r.P50, r.P99 = times.quantile(0.5), times.quantile(0.99)
	return r
}

func (c *conn) close() {
	if c.net != nil {
		c.net.Close()
	}
}
