package scale_test

import (
	"context"
	"testing"
	"time"

	api "pileus/api/autoscaling"
	"pileus/clock"
	"pileus/node"
	"pileus/node/nodetest"
)

// Of scheduled actions whose time came while nothing ran, each counts once, for
// its last time, in the order of these times.
func TestMissedActions(t *testing.T) {
	o := node.Options{DataDir: t.TempDir(), Clock: clock.Still(nodetest.Epoch)}
	w := newWorldWith(t, o)
	w.group(0, 9, 0, nil)
	w.schedule(&api.PutScheduledUpdateGroupActionInput{ScheduledActionName: "morning", Recurrence: new("0 8 * * *"), DesiredCapacity: new(int32(3))})
	w.schedule(&api.PutScheduledUpdateGroupActionInput{ScheduledActionName: "evening", Recurrence: new("0 20 * * *"), DesiredCapacity: new(int32(1))})
	w.schedule(&api.PutScheduledUpdateGroupActionInput{ScheduledActionName: "once", StartTime: new(w.Now().Add(30 * time.Hour)), MaxSize: new(int32(5))})
	if err := w.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	o.Clock = clock.Still(time.Date(2026, 1, 4, 10, 0, 0, 0, time.UTC))
	w = newWorldWith(t, o)
	w.Drain()
	w.wantDesired("on the third day after ten", 3)
	if n := w.described().MaxSize; n != 5 {
		t.Errorf("the maximum is %d", n)
	}
	list := w.actions()
	if len(list) != 2 || *list[0].StartTime != time.Date(2026, 1, 4, 20, 0, 0, 0, time.UTC) || *list[1].StartTime != time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC) {
		t.Errorf("what is next: %+v", list)
	}
}
