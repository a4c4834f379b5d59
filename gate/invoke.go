package gate

import (
	"fmt"
	"net/http"
	"reflect"
	"runtime/debug"
	"time"

	"pileus/clock"
	"pileus/cloud"
	"pileus/identity"
	"pileus/policy"
	"pileus/trail"
	"pileus/wire"
)

func (o *operation) newInput() any { return reflect.New(o.In).Interface() }

// invoke runs the handler.
func (g *Gate) invoke(c *cloud.Call, o *operation, in any) (out any, err error) {
	defer g.rescue(c, o, &err)
	return o.Invoke(c, g.DB(), in)
}

// rescue is deferred by what runs a service's code. A panic is the service's
// fault and is answered as such; it never takes the cloud down.
func (g *Gate) rescue(c *cloud.Call, o *operation, err *error) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler {
		panic(p)
	}
	g.Log.Error("a handler panicked", "service", o.Op.Service.Name, "operation", o.Op.Name,
		"request", c.RequestID, "panic", p, "stack", string(debug.Stack()))
	*err = fmt.Errorf("panic in %s: %v", o.Op.Name, p)
}

// Do performs an operation as c's principal: what a request over the network
// meets, without the network. Inside of a transaction it joins it.
func (g *Gate) Do(c *cloud.Call, op *cloud.OpInfo, in any) (any, error) {
	watch := clock.Start()
	d := *c
	c = &d
	c.Parker = nil // the connection waits for the caller, not for this
	if h := c.HTTP; h != nil && h.Service != nil && h.Service != op.Service {
		c.HTTP = h.Inner()
	}
	if c.Tx == nil {
		c.Now = g.Options.Clock.Now()
	}
	var checks []cloud.Check
	out, err := g.do(c, op, in, &checks)
	g.recordInternal(c, op, checks, err, watch.Elapsed())
	return out, err
}

func (g *Gate) do(c *cloud.Call, op *cloud.OpInfo, in any, checks *[]cloud.Check) (any, error) {
	s := g.services.byName[op.Service.Name]
	if s == nil || s.ops[op.Name] == nil {
		return nil, cloud.NotImplemented(op.Service.Name, op.Name)
	}
	o := s.ops[op.Name]
	if err := wire.Validate(op, in); err != nil {
		return nil, err
	}
	var who *identity.Resolved // found in decide
	if err := g.decide(c, o, in, who, checks); err != nil {
		return nil, err
	}
	if g.Faults.Active() {
		if a := g.Faults.Check(c, op, arns(*checks)); a.Err != nil {
			return nil, a.Err
		}
	}
	return g.invoke(c, o, in)
}

func arns(checks []cloud.Check) []string {
	out := make([]string, 0, len(checks))
	for i := range checks {
		if a := checks[i].Resource.ARN; a != "" && a != "*" {
			out = append(out, a)
		}
	}
	return out
}

// recordInternal notes a call that one service made of another.
func (g *Gate) recordInternal(c *cloud.Call, op *cloud.OpInfo, checks []cloud.Check, err error, took time.Duration) {
	e := &trail.Event{
		Time: c.Now, RequestID: c.RequestID, Principal: c.Principal.ARN, PrincipalType: c.Principal.Kind.String(),
		Account: c.Account, Region: c.Region, Service: op.Service.Name, Operation: op.Name,
		Resources: arns(checks), ReadOnly: trail.ReadOnly(op.Name), Internal: true, Status: 200, Latency: took,
	}
	if err != nil {
		seen := g.visible(err, c)
		e.Status, e.Code, e.Message = seen.Status, seen.Code, seen.Message
		if t, ok := seen.Trace.(*policy.Trace); ok {
			e.Trace = t
		}
	}
	g.Trail.Record(e)
}
