package cloud

import "context"

// Parker puts a call's connection aside while wait runs, which makes the
// answer. A handler that calls Park returns its error; see Later.
type Parker interface {
	Park(wait func(ctx context.Context) (out any, err error)) error
}

// Later has wait make a handler's answer. It is for operations that wait for
// something to happen, for seconds: where the call's connection can be put
// aside meanwhile, the handler returns at once, and all that the wait costs is
// what wait holds on to. Elsewhere wait runs right here.
//
// The call that wait gets is the handler's, with a context that ends when the
// client goes away. wait also ends when the cloud does (Cloud.Closing). An
// operation that uses it is bound by Serve, without Then.
func Later[Out any](c *Call, wait func(*Call) (Out, error)) (out Out, err error) {
	d := *c
	d.Parker = nil
	if c.Parker == nil || c.Tx != nil {
		return wait(&d)
	}
	return out, c.Parker.Park(func(ctx context.Context) (any, error) {
		d.Context = ctx
		return wait(&d)
	})
}
