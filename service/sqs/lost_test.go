package sqs

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	api "pileus/api/sqs"
	"pileus/clock"
	"pileus/cloud"
	"pileus/fault"
	"pileus/gate"
	"pileus/meter"
	"pileus/node/nodetest"
	"pileus/rng"
	"pileus/store/pebble"
	"pileus/trail"
)

// frail is a cloud with queues on a disk on which the log's writes can fail,
// with which a sync begins: then what a transaction has applied, and others may
// have seen, is lost. (Where only the end of a sync fails, the log has it, and
// the store finds it there.)
type frail struct {
	t    *testing.T
	gate *gate.Gate
	clk  clock.Control
	svc  *service
	url  string
	fail atomic.Bool // the log's next write
}

func onFrailDisk(t *testing.T) *frail {
	f := &frail{t: t, svc: newService(), clk: clock.Still(nodetest.Epoch)}
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileWrite && strings.HasSuffix(op.Path, ".log") && f.fail.CompareAndSwap(true, false) {
			return syscall.EIO
		}
		return nil
	}))
	log := slog.New(slog.DiscardHandler)
	db, err := pebble.Open("state", pebble.Options{FS: fs, Reserve: -1, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	rand := rng.New()
	faults, err := fault.New(t.Context(), db, f.clk, rand)
	if err != nil {
		t.Fatal(err)
	}
	f.gate = gate.New(gate.Options{
		DB: db, Clock: f.clk, Rand: rand, Log: log, Modules: []cloud.Module{f.svc.module()},
		Trail: trail.New(db, f.clk, log), Meter: meter.New(db, f.clk, log), Faults: faults, Region: nodetest.Region,
	})
	t.Cleanup(func() {
		f.gate.Stop()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	out, err := api.CreateQueue.Call(f.call(), &api.CreateQueueInput{QueueName: "q"})
	if err != nil {
		t.Fatal(err)
	}
	f.url = *out.QueueUrl
	return f
}

func (f *frail) call() *cloud.Call {
	return f.gate.NewCall(context.Background(), "", nodetest.Account, nodetest.Region)
}

func (f *frail) send(body string) error {
	_, err := api.SendMessage.Call(f.call(), &api.SendMessageInput{QueueUrl: f.url, MessageBody: body})
	return err
}

func (f *frail) receive(n int32) ([]api.Message, error) {
	out, err := api.ReceiveMessage.Call(f.call(), &api.ReceiveMessageInput{QueueUrl: f.url, MaxNumberOfMessages: &n})
	if err != nil {
		return nil, err
	}
	return out.Messages, nil
}

func (f *frail) remove(m api.Message) error {
	_, err := api.DeleteMessage.Call(f.call(), &api.DeleteMessageInput{QueueUrl: f.url, ReceiptHandle: *m.ReceiptHandle})
	return err
}

// got expects a receive to bring exactly that.
func (f *frail) got(want string) []api.Message {
	f.t.Helper()
	list, err := f.receive(10)
	if have := bodies(list); err != nil || have != want {
		f.t.Fatalf("received %q, want %q (%v)", have, want, err)
	}
	return list
}

// refused expects err, because the log's next write was made to fail.
func (f *frail) refused(do func() error) {
	f.t.Helper()
	f.fail.Store(true)
	if err := do(); err == nil || f.fail.Load() {
		f.t.Fatalf("answered %v although it is not durable", err)
	}
}

// TestLostTransactions has each kind of work fail after others could see it.
func TestLostTransactions(t *testing.T) {
	f := onFrailDisk(t)
	f.svc.flightLimit = 1
	fails(t, f.send("a"), "", "")
	t.Log("a receive that is lost leaves the message where it was, and not in flight")
	f.refused(func() error { _, err := f.receive(1); return err })
	a := f.got("a")[0]
	t.Log("a deletion that is lost leaves the message in flight")
	f.refused(func() error { return f.remove(a) })
	_, err := f.receive(1)
	fails(t, err, "OverLimit", "")
	f.clk.Advance(t.Context(), time.Minute)
	fails(t, f.remove(f.got("a")[0]), "", "")
	t.Log("a message that is lost is never received")
	f.refused(func() error { return f.send("ghost") })
	f.got("")
	fails(t, f.send("b"), "", "")
	fails(t, f.remove(f.got("b")[0]), "", "")
	f.got("")
}

// TestLostAmongOthers has the log fail again and again while many send and
// receive: what was answered holds, what was refused has not happened.
func TestLostAmongOthers(t *testing.T) {
	f := onFrailDisk(t)
	const workers, each = 8, 60
	var mu sync.Mutex
	promised, deleted := map[string]bool{}, map[string]bool{}
	refusals := 0
	note := func(err error, in map[string]bool, body string) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			refusals++
			return
		}
		in[body] = true
	}
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() {
			for j := range each {
				if i == 0 && j%6 == 5 {
					f.fail.Store(true)
				}
				body := strconv.Itoa(i) + "." + strconv.Itoa(j)
				note(f.send(body), promised, body)
				list, _ := f.receive(1)
				for _, m := range list {
					note(f.remove(m), deleted, *m.Body)
				}
			}
		})
	}
	all.Wait()
	f.fail.Store(false)
	f.clk.Advance(t.Context(), time.Minute) // what is in flight becomes visible
	left := map[string]bool{}
	for {
		list, err := f.receive(10)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			break
		}
		for _, m := range list {
			if left[*m.Body] || deleted[*m.Body] {
				t.Errorf("%s is there again", *m.Body)
			}
			left[*m.Body] = true
			fails(t, f.remove(m), "", "")
		}
	}
	for body := range promised {
		if !left[body] && !deleted[body] {
			t.Errorf("LOST: %s", body)
		}
	}
	for body := range left {
		if !promised[body] {
			t.Errorf("%s was refused and is there", body)
		}
	}
	t.Logf("%d promised, %d deleted, %d left, %d refused", len(promised), len(deleted), len(left), refusals)
	if refusals == 0 {
		t.Error("nothing was refused")
	}
}
