package cloudwatch

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/api/ec2"
	"pileus/clock"
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/store"
)

// reboot is that an instance was told to reboot.
type reboot struct {
	Instance string
	Times    int
}

var reboots = &store.Table[reboot]{Name: "cloudwatch_test.reboot", Key: func(b *reboot) store.Key { return store.K(b.Instance) }}

// rebooter is an EC2 that counts reboots.
func rebooter() cloud.Module {
	return cloud.Module{API: &ec2.Service,
		Operations: []cloud.Binding{ec2.RebootInstances.Update(func(_ *cloud.Call, tx store.Tx, in *ec2.RebootInstancesInput) (*cloud.Empty, error) {
			b, ok := reboots.Get(tx, in.InstanceIds[0])
			if !ok {
				b = &reboot{Instance: in.InstanceIds[0]}
			}
			b.Times++
			reboots.Put(tx, b)
			return &cloud.Empty{}, nil
		})},
		Access: []cloud.Access{ec2.RebootInstances.Needs("ec2:RebootInstances", nil)},
	}
}

// crashing is the module whose deliveries are done and then, now and then, not
// acknowledged, as when the process ends between the two.
func crashing() cloud.Module {
	m := Module()
	deliver := m.Deliveries[0].Deliver
	m.Deliveries[0].Attempts = 0
	m.Deliveries[0].Deliver = func(c *cloud.Call, payload []byte) error {
		if err := deliver(c, payload); err != nil || c.Rand().Uint64()%3 > 0 {
			return err
		}
		return errors.New("the process has ended before this was acknowledged")
	}
	return m
}

// An action is carried out once for each time that its alarm comes into its
// state, whatever ends in between: deliveries that are repeated, restarts.
func TestActionsOncePerTransition(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	dir, clk := t.TempDir(), clock.Still(nodetest.Epoch)
	// Each process has randomness of its own: one that was started again with the
	// same would give an order the id of an earlier one.
	seed := uint64(0)
	start := func() *node.Node {
		seed++
		n, err := node.Start(t.Context(), node.Options{DataDir: dir, Clock: clk, Log: slog.New(slog.DiscardHandler), Rehearse: true, Seed: seed,
			Modules: func(node.Parts) []cloud.Module { return []cloud.Module{crashing(), rebooter()} }})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	n := start()
	defer func() { n.Stop(context.Background()) }()
	call := func() *cloud.Call { return n.Gate().NewCall(t.Context(), "", nodetest.Account, nodetest.Region) }
	ids := []string{"i-1", "i-2", "i-3"}
	want, state := map[string]int{}, map[string]string{}
	for _, id := range ids {
		in := watch(id, 1, 1, "ignore")
		in.Dimensions, in.AlarmActions = []api.Dimension{{Name: "InstanceId", Value: id}}, []string{"arn:aws:automate:us-east-1:ec2:reboot"}
		if _, err := api.PutMetricAlarm.Call(call(), in); err != nil {
			t.Fatal(err)
		}
	}
	for range 200 {
		id, to := ids[random.IntN(3)], []string{"OK", "ALARM"}[random.IntN(2)]
		if _, err := api.SetAlarmState.Call(call(), &api.SetAlarmStateInput{AlarmName: id, StateValue: to, StateReason: "drill"}); err != nil {
			t.Fatal(err)
		}
		if to == "ALARM" && state[id] != to {
			want[id]++
		}
		state[id] = to
		switch random.IntN(8) {
		case 0:
			if err := clk.Advance(t.Context(), 5*time.Second); err != nil {
				t.Fatal(err)
			}
		case 1:
			if err := n.Stop(context.Background()); err != nil {
				t.Fatal(err)
			}
			n = start()
		}
	}
	if err := clk.Advance(t.Context(), 12*time.Hour); err != nil { // beyond all that waits to be tried again
		t.Fatal(err)
	}
	told := map[string]int{}
	for token := (*string)(nil); ; {
		out, err := api.DescribeAlarmHistory.Call(call(), &api.DescribeAlarmHistoryInput{HistoryItemType: new("Action"), NextToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range out.AlarmHistoryItems {
			told[*h.AlarmName]++
		}
		if token = out.NextToken; token == nil {
			break
		}
	}
	err := n.DB().View(t.Context(), func(r store.Reader) error {
		for _, id := range ids {
			b, _ := reboots.Get(r, id)
			if b == nil || b.Times != want[id] || told[id] != want[id] {
				t.Errorf("%s came into alarm %d times: %+v, and %d in the history", id, want[id], b, told[id])
			}
		}
		return nil
	})
	if err != nil || slices.Max([]int{want["i-1"], want["i-2"], want["i-3"]}) < 5 {
		t.Errorf("%v: %v", want, err)
	}
}
