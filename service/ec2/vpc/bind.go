package vpc

import (
	"pileus/cloud"
	"pileus/store"
)

// reads binds an operation that only looks. It first makes what an account
// finds in a region that it uses for the first time, which a plain View could
// not.
func reads[In, Out any](op *cloud.Op[In, Out], f func(*cloud.Call, store.Reader, In) (Out, error)) cloud.Binding {
	return op.Serve(func(c *cloud.Call, in In) (out Out, err error) {
		if err := Prepare(c); err != nil {
			return out, err
		}
		err = c.View(func(r store.Reader) error {
			out, err = f(c, r, in)
			return err
		})
		return out, err
	})
}

// writes binds an operation that changes the state.
func writes[In, Out any](op *cloud.Op[In, Out], f func(*cloud.Call, store.Tx, In) (Out, error)) cloud.Binding {
	return op.Update(func(c *cloud.Call, tx store.Tx, in In) (out Out, err error) {
		if err := EnsureDefaults(c, tx); err != nil {
			return out, err
		}
		return f(c, tx, in)
	})
}

// Prepare is EnsureDefaults in a transaction of its own, if there is anything
// to do.
func Prepare(c *cloud.Call) error {
	var ready bool
	err := c.View(func(r store.Reader) error {
		ready = touched.Has(r, c.Account, c.Region)
		return nil
	})
	if err != nil || ready {
		return err
	}
	return c.Update(func(tx store.Tx) error { return EnsureDefaults(c, tx) })
}
