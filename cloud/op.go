package cloud

import (
	"reflect"

	"pileus/store"
)

// Service describes one AWS API as its model does. Generated packages declare
// one each; nothing in it refers to a handler, so that a binary links only the
// operations that its modules bind.
type Service struct {
	Name          string // the pileus name and package name: "s3", "sqs"
	SigningName   string // the service in a credential scope
	ID            string // the model's serviceId: "S3", "SQS"
	Protocol      string // "query", "ec2", "json", "rest-json", "rest-xml"
	JSONVersion   string // "1.0" or "1.1" for json
	Version       string // apiVersion
	Target        string // X-Amz-Target prefix for json
	Namespace     string // XML namespace
	EndpointName  string // endpointPrefix: the first label of a virtual host
	Global        bool   // one endpoint for all regions (IAM, STS legacy, Organizations)
	Ops           []OpName
	QueryNames    map[string]string // query-era aliases, where the overlay has them
	QueryErrorsOK bool              // answers x-amzn-query-error (awsQueryCompatible)

	ErrorNamespace string                // before the '#' of a JSON error's __type: "com.amazonaws.sqs"
	Invalid        string                // error code of a violated constraint; empty where the service checks its input itself (S3)
	Missing        string                // error code of a missing required member, where that has its own (SQS)
	Enum           func(string) []string // the values of an enum that a struct tag names
	Pattern        func(string) string   // the regular expression that a struct tag names
}

// OpName is what routing needs to know of every operation of a model, bound or
// not: an operation without a binding is recognised and answers NotImplemented.
type OpName struct{ Name, Method, URI string }

// OpInfo is one operation's names on the wire.
type OpInfo struct {
	Service     *Service
	Name        string
	Method, URI string // HTTP binding; POST and / outside of REST protocols
	Status      int    // success status, 0 for 200
	Wrapper     string // resultWrapper of query responses
	InputXML    string // root element of a rest-xml request whose whole input is the body
	InputNS     string // its namespace
	OutputXML   string // root element of a rest-xml response, where it is not the output's name
	Unsigned    bool   // authtype none: STS's web identity and SAML operations
	Paged       *Page
	// UnsignedBody allows requests whose signature leaves out the body:
	// authtype v4-unsigned-body, EBS's PutSnapshotBlock.
	UnsignedBody bool
	HostPrefix   string
	Errors       []string // error shapes that the model names
	// Checksum is set where the model asks for one (S3's httpChecksum and
	// httpChecksumRequired traits).
	Checksum *Checksum
}

// Page is an operation's pagination as the model's paginators file tells it.
type Page struct{ In, Out, Limit, Result string }

// Checksum tells which members carry a request's checksum algorithm and how
// strictly a body's digest is required.
type Checksum struct {
	Required      bool
	AlgorithmFrom string // request member that names the algorithm
	ModeFrom      string // request member that asks for validation of the response
}

// Op is one API operation: its wire names and its two Go types, which are
// pointers to generated structs. It is both what a service binds to a handler
// and what other services call.
type Op[In, Out any] struct{ OpInfo }

// Empty is the input or output of an operation that has none.
type Empty struct{}

// Mode is how an operation is bound to the state.
type Mode uint8

const (
	Reads  Mode = iota // View: one consistent snapshot
	Writes             // Update: one transaction, may run again on conflict
	Serves             // Serve: opens its own transactions; streams, long polls
)

// Binding joins an operation to the function that performs it.
type Binding struct {
	Op      *OpInfo
	In, Out reflect.Type // the structs, not the pointers
	Mode    Mode
	Note    string // what is missing, for Partial

	view   func(*Call, store.Reader, any) (any, error)
	update func(*Call, store.Tx, any) (any, error)
	serve  func(*Call, any) (any, error)
}

func bind[In, Out any](o *Op[In, Out], m Mode) Binding {
	return Binding{Op: &o.OpInfo, In: reflect.TypeFor[In]().Elem(), Out: reflect.TypeFor[Out]().Elem(), Mode: m}
}

// View binds the operation to a function of one consistent snapshot.
func (o *Op[In, Out]) View(f func(*Call, store.Reader, In) (Out, error)) Binding {
	b := bind(o, Reads)
	b.view = func(c *Call, r store.Reader, in any) (any, error) { return f(c, r, in.(In)) }
	return b
}

// Update binds the operation to a function that runs in one transaction. It
// has no side effects outside of the transaction and may be run again if the
// transaction conflicts with another.
func (o *Op[In, Out]) Update(f func(*Call, store.Tx, In) (Out, error)) Binding {
	b := bind(o, Writes)
	b.update = func(c *Call, tx store.Tx, in any) (any, error) { return f(c, tx, in.(In)) }
	return b
}

// Serve binds the operation to a function that opens its own transactions:
// for streams, long polls and effects.
func (o *Op[In, Out]) Serve(f func(*Call, In) (Out, error)) Binding {
	b := bind(o, Serves)
	b.serve = func(c *Call, in any) (any, error) { return f(c, in.(In)) }
	return b
}

// Partial marks the operation as not whole and says what is missing; the
// coverage table shows it.
func (b Binding) Partial(missing string) Binding { b.Note = missing; return b }

// Before has f look at each authorised call first; its error is the answer.
// EC2's dry runs end there.
func (b Binding) Before(f func(c *Call, in any) error) Binding {
	view, update, serve := b.view, b.update, b.serve
	b.view = func(c *Call, r store.Reader, in any) (any, error) {
		if err := f(c, in); err != nil {
			return nil, err
		}
		return view(c, r, in)
	}
	b.update = func(c *Call, tx store.Tx, in any) (any, error) {
		if err := f(c, in); err != nil {
			return nil, err
		}
		return update(c, tx, in)
	}
	b.serve = func(c *Call, in any) (any, error) {
		if err := f(c, in); err != nil {
			return nil, err
		}
		return serve(c, in)
	}
	return b
}

// Then has f look at each success, on the state that the handler saw: for
// metering. What f returns runs once the operation has committed, if it writes.
func (b Binding) Then(f func(c *Call, r store.Reader, in any) (committed func())) Binding {
	view, update, serve := b.view, b.update, b.serve
	b.view = func(c *Call, r store.Reader, in any) (any, error) {
		out, err := view(c, r, in)
		if err == nil {
			f(c, r, in)()
		}
		return out, err
	}
	b.update = func(c *Call, tx store.Tx, in any) (any, error) {
		out, err := update(c, tx, in)
		if err == nil {
			tx.OnCommit(f(c, tx, in))
		}
		return out, err
	}
	b.serve = func(c *Call, in any) (any, error) {
		out, err := serve(c, in)
		if err != nil {
			return nil, err
		}
		var done func()
		if err := c.View(func(r store.Reader) error { done = f(c, r, in); return nil }); err != nil {
			return nil, err
		}
		done()
		return out, nil
	}
	return b
}

// Call performs the operation in this process, as c's principal, through every
// check that a request over the network meets. Inside an Update handler it
// joins the caller's transaction.
func (o *Op[In, Out]) Call(c *Call, in In) (out Out, err error) {
	r, err := c.Cloud.Do(c, &o.OpInfo, in)
	if err != nil {
		return out, err
	}
	return r.(Out), nil
}

// Invoke runs the binding's handler. An Update that arrives with a transaction
// in the call joins it; otherwise Invoke opens what the mode asks for. Only
// the gate calls it: authorisation has already happened.
func (b *Binding) Invoke(c *Call, db store.Store, in any) (out any, err error) {
	switch {
	case b.Mode == Reads:
		return b.invokeView(c, in)
	case b.Mode == Serves:
		return b.serve(c, in)
	case c.Tx != nil:
		return b.update(c, c.Tx, in)
	}
	return b.invokeUpdate(c, db, in)
}

func (b *Binding) invokeView(c *Call, in any) (out any, err error) {
	err = c.View(func(r store.Reader) error {
		out, err = b.view(c, r, in)
		return err
	})
	return out, err
}

func (b *Binding) invokeUpdate(c *Call, db store.Store, in any) (out any, err error) {
	err = db.Update(c, func(tx store.Tx) error {
		d := *c
		d.Tx = tx
		out, err = b.update(&d, tx, in)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
