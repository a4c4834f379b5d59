package refresh_test

import (
	"testing"
	"time"

	api "pileus/api/autoscaling"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/plane/sim"
)

// A refresh goes on where it was, however often the cloud ends in its course:
// here every second, and before what is due has run.
func TestRefreshSurvivesRestarts(t *testing.T) {
	w := begin(t, node.Options{Plane: sim.New(t.TempDir()), DataDir: t.TempDir()})
	w.group(2, 8, 3, nil)
	w.start(&api.RefreshPreferences{MinHealthyPercentage: new(int32(60)), InstanceWarmup: new(int32(4))})
	w.restart()
	n := 0
	w.until("Successful", 10*time.Minute, func() {
		for range 4 {
			n++
			w.Advance(time.Second)
			w.restart()
			if small, micro, all := w.census(); small+micro < 1 || all > 5 {
				t.Errorf("%d new and %d old serve, %d in all", small, micro, all)
			}
		}
	})
	if small, micro, all := w.census(); small != 3 || micro != 0 || all != 3 {
		t.Errorf("%d new and %d old serve, %d in all", small, micro, all)
	}
	if n < 8 {
		t.Errorf("it was over after %d restarts: that proves little", n)
	}
	nodetest.Do(w.World, &api.StartInstanceRefresh, &api.StartInstanceRefreshInput{AutoScalingGroupName: name, Preferences: &api.RefreshPreferences{MinHealthyPercentage: new(int32(0)), InstanceWarmup: new(int32(4))}})
	w.restart()
	w.until("Successful", 10*time.Minute, w.restart)
}
