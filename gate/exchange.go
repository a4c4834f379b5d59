package gate

import (
	"bytes"
	"io"
	"net/http"
	"net/url"

	"pileus/clock"
	"pileus/cloud"
	"pileus/identity"
	"pileus/sigv4"
	"pileus/store"
	"pileus/wire"
)

// maxBody bounds the bodies that are read whole: everything but object content.
const maxBody = 64 << 20

// exchange is one HTTP request on its way through the gate.
type exchange struct {
	gate     *Gate
	w        *response // &answered
	answered response
	r        *http.Request

	host   hostName
	auth   *sigv4.Auth   // nil: anonymous
	signed *sigv4.Result // verified
	who    *identity.Resolved
	svc    *service
	opName string
	op     *operation
	labels wire.Labels

	body     []byte // of requests that are read whole
	bodyErr  *cloud.Error
	haveBody bool
	values   url.Values // the query protocol's parameters

	http   cloud.HTTP
	call   *cloud.Call
	in     any
	checks []cloud.Check
	watch  clock.Stopwatch
	wait   waitFunc // makes the answer of a call that is parked
}

// ServeHTTP answers one request.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{gate: g, answered: response{ResponseWriter: w, joiner: joinerOf(r.Context())}, r: r, watch: clock.Start()}
	x.w = &x.answered
	x.identify()
	out, err := x.run()
	if err == errParked {
		x.park()
		return
	}
	x.finish(out, err)
}

// finish answers and records.
func (x *exchange) finish(out any, err error) {
	if err != nil {
		x.fail(err)
	} else if out != nil {
		x.answer(out)
	}
	x.record(err, x.watch.Elapsed())
	if x.w.cut {
		panic(errAbort) // net/http cuts the connection
	}
}

// run takes the steps in order; a nil output without error means that the
// answer has been written.
func (x *exchange) run() (out any, err error) {
	var e error
	if forBalancers(x.r, x.host) {
		// What it carries to prove who asks is for whoever is behind.
	} else if x.auth, e = sigv4.Parse(x.r); e != nil {
		x.guess()
		return nil, sigv4.Explain(e, x.family())
	}
	if x.svc, e = asError(x.gate.detectService(x.r, x.auth, x.host, x.form)); e != nil {
		return nil, e
	}
	if e := x.claim(); e != nil {
		return nil, e
	}
	x.http.Bucket = x.host.bucket()
	if e := x.route(); e != nil {
		return nil, e
	}
	if e := x.authenticate(); e != nil {
		return nil, e
	}
	x.callAs(x.who.Principal)
	if x.svc.Web != nil && x.svc.Web(x.call, x.w, x.r) {
		return nil, nil
	}
	if x.op == nil {
		return nil, x.unbound()
	}
	if e := x.decode(); e != nil {
		return nil, e
	}
	if x.op.Mode == cloud.Reads && x.call.Context.Err() == nil {
		return x.actOnSnapshot()
	}
	return x.act()
}

// actOnSnapshot has an operation that reads decided and answered on one
// snapshot.
func (x *exchange) actOnSnapshot() (out any, err error) {
	err = x.gate.Options.DB.View(x.call, func(r store.Reader) error {
		x.call.Snapshot = newRecall(r)
		defer func() { x.call.Snapshot = nil }()
		out, err = x.act()
		return err
	})
	return out, err
}

// act decides and acts.
func (x *exchange) act() (out any, err error) {
	if e := x.authorise(); e != nil {
		return nil, e
	}
	if done, e := x.inject(); done || e != nil {
		return nil, e
	}
	if x.parkable() {
		x.call.Parker = x
	}
	x.http.Service = x.op.Op.Service
	return x.gate.invoke(x.call, x.op, x.in)
}

// identify sets what is known before anything is understood.
func (x *exchange) identify() {
	x.host = parseHost(x.r.Host)
	x.http = cloud.HTTP{
		Request: x.r, SourceIP: stripPort(x.r.RemoteAddr), Secure: x.r.TLS != nil,
		Host: stripPort(x.r.Host), BaseURL: "http://" + x.r.Host, Header: http.Header{},
	}
	if x.http.Secure {
		x.http.BaseURL = "https://" + x.r.Host
	}
	if o := cloud.OriginOf(x.r.Context()); o != nil {
		origin := *o // what the request finds out is its own
		x.http.Origin = &origin
	}
	x.call = &cloud.Call{
		Context: x.r.Context(), Cloud: x.gate, Partition: "aws", Region: x.gate.Region,
		Now: x.gate.Options.Clock.Now(), RequestID: x.gate.requestID(), HTTP: &x.http,
		Principal: x.gate.anonymous.Principal,
	}
}

// guess finds the service of a request whose credentials cannot be read, so
// that the refusal has that service's form.
func (x *exchange) guess() {
	if s, err := x.gate.detectService(x.r, nil, x.host, x.form); err == nil {
		x.svc = s
	}
}

// route finds the operation.
func (x *exchange) route() error {
	if x.svc.router != nil {
		if _, op, ok := rpcPath(x.r.URL.Path); !ok || !x.svc.names[op] {
			return x.routePath()
		}
	}
	if forTokens(x.r) || forMachines(x.r) || forTunnels(x.r, x.auth) || forBalancers(x.r, x.host) {
		return nil
	}
	name, err := detectOperation(x.svc, x.r, x.form)
	if err != nil {
		return err
	}
	x.opName, x.op = name, x.svc.ops[name]
	return nil
}

func (x *exchange) routePath() error {
	name, labels, ok := x.svc.router.Match(x.r, x.host.bucket())
	if name == "ListBuckets" && x.auth != nil && x.auth.Service == express {
		name = "ListDirectoryBuckets" // not every client says so in x-id
	}
	if ok {
		x.opName, x.op, x.labels = name, x.svc.ops[name], labels
	}
	return nil // what matches nothing may still be for Module.Web
}

// express is what requests for S3's directory buckets are signed for.
const express = "s3express"

// bucket is the bucket of a virtual-hosted S3 request, or the access point that
// stands for it: NAME-ACCOUNT.
func (h hostName) bucket() string {
	if h.Service == "s3" || h.Service == "s3-accesspoint" {
		return h.Prefix
	}
	return ""
}

// unbound is the answer where no handler is bound.
func (x *exchange) unbound() error {
	switch {
	case x.opName == "":
		return cloud.Errorf(http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.").
			With("Method", x.r.Method)
	case !x.svc.names[x.opName]:
		return unknownOperation(x.svc, x.opName, isForm(x.r))
	}
	return cloud.NotImplemented(x.svc.api.Name, x.opName)
}

// callAs completes the call with who makes it.
func (x *exchange) callAs(p *cloud.Principal) {
	x.call.Principal, x.call.Account = p, p.Account
	switch {
	case x.svc.api.Global && x.svc.api.Name != "sts": // which has endpoints in all regions beside the global one
		x.call.Region = "us-east-1"
	case x.auth != nil && x.auth.Region != "":
		x.call.Region = x.auth.Region
	case x.host.Region != "":
		x.call.Region = x.host.Region
	}
}

// readBody reads the whole body, once.
func (x *exchange) readBody() ([]byte, *cloud.Error) {
	if !x.haveBody {
		x.haveBody = true
		b, err := wire.ReadBody(x.r, maxBody)
		if err != nil {
			x.bodyErr = bodyError(err)
		}
		x.body = b
	}
	return x.body, x.bodyErr
}

// form is the query protocol's parameters, from the body or the URL.
func (x *exchange) form() url.Values {
	if x.values == nil {
		x.values = x.r.URL.Query()
		if isForm(x.r) {
			b, _ := x.readBody()
			if v, err := url.ParseQuery(string(b)); err == nil && len(v) > 0 {
				for k := range v {
					x.values[k] = v[k]
				}
			}
			x.r.Form = x.values // for Module.Web: the body has been read
		}
	}
	return x.values
}

// decode makes the operation's input.
func (x *exchange) decode() error {
	req := &wire.Request{HTTP: x.r, Labels: x.labels}
	if x.op.streams {
		body, err := x.stream()
		if err != nil {
			return err
		}
		req.Stream = body
	} else {
		b, err := x.wholeBody()
		if err == nil && x.svc.Body != nil {
			err = x.svc.Body(x.call, x.op.Op, b)
		}
		if err != nil {
			return err
		}
		if req.Body, err = wire.Inflate(x.r, b, maxBody); err != nil {
			return bodyError(err)
		}
	}
	in := x.op.newInput()
	if err := wire.For(x.svc.api, x.r).Decode(req, x.op.Op, in); err != nil {
		return err
	}
	x.in = in
	return wire.Validate(x.op.Op, in)
}

// stream is the body of a streaming operation, verified as it is read.
func (x *exchange) stream() (io.ReadCloser, error) {
	signed := x.signed
	switch {
	case x.haveBody: // read to verify the signature, which covers it
		return io.NopCloser(bytes.NewReader(x.body)), nil
	case x.svc.family != sigv4.S3:
		return x.r.Body, nil
	case signed == nil && x.auth == nil:
		signed = sigv4.Anonymous(x.r)
	case signed == nil:
		signed = sigv4.Unverified(x.r)
	}
	body, err := signed.Body(x.r)
	if err != nil {
		return nil, sigv4.Explain(err, x.svc.family)
	}
	x.http.Trailer = body.Trailer()
	return body, nil
}

// wholeBody is a body that is read before the handler runs. S3's are still
// encoded and unverified at this point; those of the others were verified
// with the signature.
func (x *exchange) wholeBody() ([]byte, error) {
	if x.svc.family == sigv4.S3 && !x.haveBody {
		body, err := x.stream()
		if err != nil {
			return nil, err
		}
		// To its very end, because only there the digest is compared.
		b, err := io.ReadAll(io.LimitReader(body, maxBody+1))
		if err != nil {
			return nil, sigv4.Explain(err, x.svc.family)
		}
		if len(b) > maxBody {
			return nil, cloud.Errorf(http.StatusBadRequest, "MaxMessageLengthExceeded", "Your request was too big.")
		}
		return b, nil
	}
	b, err := x.readBody()
	if err != nil {
		return nil, err
	}
	return b, nil
}
