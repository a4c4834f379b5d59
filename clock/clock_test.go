package clock_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"pileus/clock"
)

var (
	bg    = context.Background()
	start = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	day   = 24 * time.Hour
)

func TestStillClockMovesOnlyWhenAdvanced(t *testing.T) {
	c := clock.Still(start)
	if got := c.Now(); !got.Equal(start) {
		t.Fatalf("Now is %v", got)
	}
	if err := c.Advance(bg, 30*day); err != nil {
		t.Fatal(err)
	}
	if got, want := c.Now(), start.Add(30*day); !got.Equal(want) {
		t.Errorf("after Advance Now is %v, want %v", got, want)
	}
	if d := c.Machine().Sub(c.State().Now); d.Abs() < time.Hour {
		t.Errorf("Machine follows the cloud's clock: %v apart", d)
	}
	if !c.State().Frozen {
		t.Error("Advance has thawed a frozen clock")
	}
}

// slack is for how long a test may be held up between two looks at a clock that
// runs.
const slack = time.Hour

func TestRunningClock(t *testing.T) {
	c := clock.New()
	before, now, after := c.Machine(), c.Now(), c.Machine()
	if now.Before(before) || now.After(after) {
		t.Errorf("a new clock says %v between %v and %v", now, before, after)
	}
	for _, step := range []struct {
		name   string
		do     func()
		offset time.Duration
		frozen bool
	}{
		{"advance", func() { c.Advance(bg, day) }, day, false},
		{"freeze", c.Freeze, day, true},
		{"advance while frozen", func() { c.Advance(bg, day) }, 2 * day, true},
		{"resume", c.Resume, 2 * day, false},
		{"back", func() { c.Set(bg, c.Machine().Add(-5*day)) }, -5 * day, false},
		{"forward", func() { c.Set(bg, c.Machine().Add(9*day)) }, 9 * day, false},
		{"reset", c.Reset, 0, false},
	} {
		step.do()
		s := c.State()
		if d := (s.Offset - step.offset).Abs(); d > slack || s.Frozen != step.frozen {
			t.Errorf("%s: %+v, want offset %v, frozen %v", step.name, s, step.offset, step.frozen)
		}
		if d := (s.Now.Sub(c.Machine()) - step.offset).Abs(); d > slack {
			t.Errorf("%s: Now is %v from its offset", step.name, d)
		}
	}
}

func TestAdvanceFiresInOrderWhatFallsDueOnTheWay(t *testing.T) {
	c := clock.Still(start)
	var fired []string
	note := func(name string) func(time.Time) {
		return func(now time.Time) {
			fired = append(fired, name+" "+now.Sub(start).String())
			if !now.Equal(c.Now()) {
				t.Errorf("%s: now %v, clock %v", name, now, c.Now())
			}
		}
	}
	c.At(start.Add(3*time.Hour), note("c"))
	c.At(start.Add(time.Hour), func(now time.Time) {
		note("a")(now)
		c.At(now.Add(time.Hour), note("b")) // within the span
		c.At(now, note("a2"))               // at once
		c.At(now.Add(day), note("late"))
	})
	c.At(start.Add(time.Hour), note("a1"))
	stop := c.At(start.Add(2*time.Hour), note("stopped"))
	stop()
	stop()
	if err := c.Advance(bg, 3*time.Hour); err != nil {
		t.Fatal(err)
	}
	want := []string{"a 1h0m0s", "a1 1h0m0s", "a2 1h0m0s", "b 2h0m0s", "c 3h0m0s"}
	if !slices.Equal(fired, want) {
		t.Errorf("fired %q, want %q", fired, want)
	}
}

func TestHeadingIsTheEndOfAnAdvance(t *testing.T) {
	c := clock.Still(start)
	var seen time.Time
	c.At(start.Add(time.Hour), func(time.Time) { seen = c.Heading() })
	if err := c.Advance(bg, day); err != nil {
		t.Fatal(err)
	}
	if !seen.Equal(start.Add(day)) || !c.Heading().IsZero() {
		t.Errorf("heading for %v, and for %v afterwards", seen, c.Heading())
	}
}

func TestWhatIsPastIsFiredAtTheCurrentTime(t *testing.T) {
	c := clock.Still(start)
	fired := make(chan time.Time, 1)
	c.At(start.Add(-day), func(now time.Time) { fired <- now })
	if got := <-fired; !got.Equal(start) {
		t.Errorf("fired at %v", got)
	}
}

func TestRunningClockFires(t *testing.T) {
	c := clock.New()
	fired := make(chan string, 2)
	c.Freeze() // neither falls due before both are known
	c.At(c.Now().Add(2*time.Millisecond), func(time.Time) { fired <- "second" })
	c.At(c.Now().Add(time.Millisecond), func(time.Time) { fired <- "first" })
	c.Resume()
	if a, b := <-fired, <-fired; a != "first" || b != "second" {
		t.Errorf("fired %s, then %s", a, b)
	}
	c.At(c.Now().Add(day), func(time.Time) { fired <- "tomorrow" })
	c.Freeze()
	c.Resume()
	c.Set(bg, c.Now().Add(2*day))
	if got := <-fired; got != "tomorrow" {
		t.Errorf("fired %s", got)
	}
}

func TestResetForwardFires(t *testing.T) {
	c := clock.Still(clock.Machine().Add(-30 * day))
	fired := make(chan struct{})
	c.At(c.Now().Add(day), func(time.Time) { close(fired) })
	c.Reset()
	<-fired
}

// queue is work kept outside of the clock, as the store keeps wake-ups.
type queue struct {
	mu   sync.Mutex
	due  []time.Time
	ran  []time.Time
	work func(now time.Time) (again []time.Time, err error)
}

func (q *queue) source() clock.Source {
	return clock.Source{
		Next: func(context.Context) (time.Time, bool, error) {
			q.mu.Lock()
			defer q.mu.Unlock()
			if len(q.due) == 0 {
				return time.Time{}, false, nil
			}
			return slices.MinFunc(q.due, time.Time.Compare), true, nil
		},
		Run: func(ctx context.Context, now time.Time) error {
			q.mu.Lock()
			defer q.mu.Unlock()
			q.due = slices.DeleteFunc(q.due, func(t time.Time) bool { return !t.After(now) })
			q.ran = append(q.ran, now)
			again, err := q.work(now)
			q.due = append(q.due, again...)
			return err
		},
	}
}

func TestAdvanceTakesSourcesAlong(t *testing.T) {
	c := clock.Still(start)
	daily := &queue{due: []time.Time{start.Add(day)}, work: func(now time.Time) ([]time.Time, error) {
		return []time.Time{now.Add(day)}, nil
	}}
	unregister := c.Register(daily.source())
	var seen []int
	c.At(start.Add(10*day+time.Hour), func(time.Time) { seen = append(seen, len(daily.ran)) })
	c.Advance(bg, 365*day)
	if len(daily.ran) != 365 || !slices.IsSortedFunc(daily.ran, time.Time.Compare) {
		t.Errorf("ran %d times", len(daily.ran))
	}
	if !slices.Equal(seen, []int{10}) {
		t.Errorf("the timer after ten days saw %v runs", seen)
	}
	unregister()
	c.Advance(bg, 10*day)
	if len(daily.ran) != 365 {
		t.Errorf("ran %d times after unregistering", len(daily.ran))
	}
}

func TestAdvanceStopsWhereItFails(t *testing.T) {
	broken := errors.New("broken")
	cancelled, cancel := context.WithCancel(bg)
	for name, test := range map[string]struct {
		ctx  context.Context
		work func(now time.Time) ([]time.Time, error)
		want error
	}{
		"source fails": {bg, func(time.Time) ([]time.Time, error) { return nil, broken }, broken},
		"ctx ends": {cancelled, func(now time.Time) ([]time.Time, error) {
			cancel()
			return []time.Time{now.Add(day)}, nil
		}, context.Canceled},
		"never done": {bg, func(now time.Time) ([]time.Time, error) { return []time.Time{now}, nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := clock.Still(start)
			q := &queue{due: []time.Time{start.Add(day)}, work: test.work}
			c.Register(q.source())
			err := c.Advance(test.ctx, 10*day)
			if err == nil || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("error is %v", err)
			}
			if got, want := c.Now(), start.Add(day); !got.Equal(want) {
				t.Errorf("the clock stands at %v, want %v", got, want)
			}
		})
	}
}

func TestAdvanceBackwardsIsRefused(t *testing.T) {
	c := clock.Still(start)
	if err := c.Advance(bg, -day); err == nil || !c.Now().Equal(start) {
		t.Errorf("error %v, now %v", err, c.Now())
	}
	if err := c.Set(bg, start.Add(-day)); err != nil || !c.Now().Equal(start.Add(-day)) {
		t.Errorf("Set back: %v, now %v", err, c.Now())
	}
}

func TestSleepFollowsTheClock(t *testing.T) {
	c := clock.Still(start)
	woken := make(chan time.Time)
	for _, d := range []time.Duration{time.Hour, 0, -time.Hour} {
		go func() {
			c.Sleep(bg, d)
			woken <- c.Now()
		}()
	}
	<-woken
	<-woken
	for waiting := true; waiting; { // until the sleeper lies down; small steps keep its time exact
		select {
		case at := <-woken:
			if at.Before(start.Add(time.Hour)) {
				t.Errorf("woke at %v", at)
			}
			waiting = false
		default:
			c.Advance(bg, time.Minute)
		}
	}
	ctx, cancel := context.WithCancel(bg)
	cancel()
	if err := c.Sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("Sleep of an ended context: %v", err)
	}
}

func TestWaitFollowsTheMachine(t *testing.T) {
	c := clock.Still(start)
	watch := clock.Start()
	if err := c.Wait(bg, 3*time.Millisecond); err != nil || watch.Elapsed() < 3*time.Millisecond {
		t.Errorf("%v after %v", err, watch.Elapsed())
	}
	ctx, cancel := context.WithTimeout(bg, time.Millisecond)
	defer cancel()
	if err := c.Wait(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Wait of an ended context: %v", err)
	}
}

func TestChangedAndFromCarryTheStateOver(t *testing.T) {
	c := clock.New()
	var last clock.State
	c.Changed(func(s clock.State) { last = s })
	c.Advance(bg, 40*day)
	if again := clock.From(last); again.Now().Sub(c.Now()).Abs() > slack {
		t.Errorf("continues at %v, want %v", again.Now(), c.Now())
	}
	c.Freeze()
	if again := clock.From(last); !again.Now().Equal(c.Now()) || !again.State().Frozen {
		t.Errorf("continues at %+v, want %+v", again.State(), c.State())
	}
}

func TestAdvanceWaitsForWhatTheAlarmFired(t *testing.T) {
	c := clock.New()
	running, release := make(chan struct{}), make(chan struct{})
	var before time.Time
	c.At(c.Now(), func(time.Time) {
		close(running)
		<-release
		before = c.Now()
	})
	<-running
	var after time.Time
	c.At(c.Now().Add(day), func(now time.Time) { after = now })
	done := make(chan error)
	go func() { done <- c.Advance(bg, 2*day) }()
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if d := after.Sub(before); d < day-slack {
		t.Errorf("the clock went on while a timer's function ran: %v to %v", before, after)
	}
}

func BenchmarkNow(b *testing.B) {
	c := clock.New()
	for b.Loop() {
		c.Now()
	}
}

func BenchmarkAdvanceYearOfDailyWork(b *testing.B) {
	for b.Loop() {
		c := clock.Still(start)
		var again func(now time.Time)
		again = func(now time.Time) { c.At(now.Add(day), again) }
		c.At(start.Add(day), again)
		c.Advance(bg, 365*day)
	}
}

func TestTheShortestAdvanceWaitsForWhatRunsNow(t *testing.T) {
	c := clock.New()
	runs := 0
	defer c.Register(clock.Source{
		Next: func(context.Context) (time.Time, bool, error) { return c.Now(), runs == 0, nil },
		Run:  func(context.Context, time.Time) error { runs++; return nil },
	})()
	if err := c.Advance(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if runs != 1 {
		t.Errorf("what was at work was waited for %d times, want once", runs)
	}
}
