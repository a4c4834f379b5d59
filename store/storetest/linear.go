package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/anishathalye/porcupine"

	"pileus/store"
)

// operation is one thing that a client does to one key.
type operation struct {
	kind, key, value string
}

// list is the sequential model: each key holds a list that can be read,
// replaced, and appended to; all answer what was there before.
var list = porcupine.Model{
	Partition: func(history []porcupine.Operation) (parts [][]porcupine.Operation) {
		byKey := map[string][]porcupine.Operation{}
		for _, op := range history {
			k := op.Input.(operation).key
			byKey[k] = append(byKey[k], op)
		}
		for _, p := range byKey {
			parts = append(parts, p)
		}
		return parts
	},
	Init: func() any { return "-" },
	Step: func(state, input, output any) (bool, any) {
		op := input.(operation)
		return output == state, apply(op, state.(string))
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprint(in, " was ", out) },
}

func apply(op operation, state string) string {
	switch op.kind {
	case "write":
		return op.value
	case "append":
		return state + op.value
	}
	return state
}

// linearizable has clients work on a few keys at once and looks for an order
// of what they did that explains all answers.
func linearizable(t *testing.T, b Backend) {
	s := b.Open(t)
	const clients, each = 6, 40
	var clock atomic.Int64
	histories := make([][]porcupine.Operation, clients)
	var done sync.WaitGroup
	for c := range clients {
		done.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(c), 7))
			for i := range each {
				op := operation{kind: []string{"read", "read", "write", "append"}[rnd.IntN(4)], key: string('a' + rune(rnd.IntN(3))), value: fmt.Sprintf("%d.%d;", c, i)}
				call := clock.Add(1)
				out, err := perform(s, op)
				if err != nil {
					t.Error(err)
					return
				}
				histories[c] = append(histories[c], porcupine.Operation{ClientId: c, Input: op, Call: call, Output: out, Return: clock.Add(1)})
			}
		})
	}
	done.Wait()
	var all []porcupine.Operation
	for _, h := range histories {
		all = append(all, h...)
	}
	if !porcupine.CheckOperations(list, all) {
		var b strings.Builder
		for _, op := range all {
			fmt.Fprintf(&b, "%d [%d, %d] %v was %v\n", op.ClientId, op.Call, op.Return, op.Input, op.Output)
		}
		t.Errorf("no order explains these answers:\n%s", b.String())
	}
}

func perform(s store.Store, op operation) (was string, err error) {
	if op.kind == "read" {
		err = s.View(context.Background(), func(r store.Reader) error { was = get(r, op.key); return nil })
		return was, err
	}
	err = s.Update(context.Background(), func(tx store.Tx) error {
		was = get(tx, op.key)
		tx.Put([]byte(op.key), []byte(apply(op, was)))
		return nil
	})
	return was, err
}
