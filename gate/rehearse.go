package gate

import (
	"context"
	"errors"

	"pileus/store"
)

// rehearsed is a store that runs every Update twice, the first time on a
// transaction that is thrown away: a function with side effects outside of its
// transaction shows itself in the tests.
type rehearsed struct{ store.Store }

var errRehearsal = errors.New("gate: rehearsal")

// Update runs fn for nothing, then for good.
func (s rehearsed) Update(ctx context.Context, fn func(store.Tx) error) error {
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return errRehearsal
	})
	if !errors.Is(err, errRehearsal) {
		return err
	}
	return s.Store.Update(ctx, fn)
}
