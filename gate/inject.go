package gate

// inject applies a fault that somebody asked for: latency, an error, or a
// connection that is reset. done means that there is nobody left to answer.
func (x *exchange) inject() (done bool, err error) {
	if !x.gate.Faults.Active() {
		return false, nil
	}
	a := x.gate.Faults.Check(x.call, x.op.Op, arns(x.checks))
	if a.Latency > 0 {
		if err := x.gate.Options.Clock.Wait(x.r.Context(), a.Latency); err != nil {
			return true, nil
		}
	}
	if a.Reset {
		x.reset()
		return true, nil
	}
	return false, a.Err
}

// reset closes the connection without an answer, with a TCP reset where it
// can.
func (x *exchange) reset() {
	conn, _, err := x.w.hijack()
	if err != nil {
		panic(errAbort) // HTTP/2: net/http resets the stream
	}
	if t, ok := conn.(interface{ SetLinger(sec int) error }); ok {
		t.SetLinger(0)
	}
	conn.Close()
	x.w.status = 499
}
