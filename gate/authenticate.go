package gate

import (
	"context"
	"crypto/subtle"

	"pileus/clock"
	"pileus/cloud"
	"pileus/identity"
	"pileus/sigv4"
	"pileus/store"
)

// family is how the service of the request words its refusals.
func (x *exchange) family() sigv4.Family {
	switch {
	case x.svc == nil:
		return sigv4.S3
	case x.svc.family == sigv4.JSON && isForm(x.r):
		return sigv4.Query
	}
	return x.svc.family
}

// authenticate finds out who asks, and proves it.
func (x *exchange) authenticate() error {
	if x.auth == nil {
		x.who = x.gate.anonymous
		if x.op != nil && !x.op.Op.Unsigned && !x.svc.open() {
			return sigv4.MissingToken(x.family())
		}
		return nil
	}
	who, err := x.gate.credential(x.call, x.family(), x.auth.AccessKey, x.auth.SessionToken)
	if err != nil {
		return err
	}
	x.who = who
	x.http.AccessKey = x.auth.AccessKey
	x.call.Principal = who.Principal
	if !x.gate.SkipSignatures {
		if err := x.verify(who.Secret); err != nil {
			return err
		}
	}
	if !identity.MayCall(who.Principal, x.svc.api.Name) {
		return sigv4.UnknownKey(x.family(), x.auth.AccessKey)
	}
	x.describe()
	if u := x.gate.Usage; u != nil {
		u.Seen(who.Principal, x.auth.AccessKey, x.svc.api.SigningName, x.auth.Region, x.call.Now)
	}
	return nil
}

// open tells whether requests without credentials reach the service's
// policies: those services whose resources have policies of their own.
func (s *service) open() bool {
	switch s.api.Name {
	case "s3", "sqs":
		return true
	}
	return false
}

func (x *exchange) verify(secret string) error {
	o := sigv4.Options{Now: x.gate.Options.Clock.Machine(), Family: x.family(), Keys: x.gate.keys}
	if x.svc.family == sigv4.S3 {
		o.Bucket = x.host.bucket() // version 2 signs it
	} else {
		b, err := x.readBody()
		if err != nil {
			return err
		}
		o.Body, o.AllowUnsigned = b, x.op != nil && x.op.Op.UnsignedBody
	}
	res, err := x.auth.Verify(x.r, secret, o)
	if err != nil {
		return sigv4.Explain(err, x.family())
	}
	x.signed = res
	return nil
}

// describe tells handlers and policies how the request was signed.
func (x *exchange) describe() {
	x.http.Presigned = x.auth.Presigned
	x.http.ContentSHA256 = x.auth.Payload
	x.http.SigV = "AWS4-HMAC-SHA256"
	if x.auth.Version == sigv4.V2 {
		x.http.SigV = "AWS"
	}
	x.http.AuthType = "REST-HEADER"
	if x.auth.Presigned {
		x.http.AuthType = "REST-QUERY-STRING"
		x.http.SignAge = x.gate.Options.Clock.Machine().Sub(x.auth.Time)
	}
}

// credential finds an access key and checks what can be said of it before the
// signature: that it is active, and its session token and time. The token
// comes first, so that a wrong one never tells whether the key's time is over.
func (g *Gate) credential(c *cloud.Call, family sigv4.Family, key, token string) (*identity.Resolved, error) {
	who, ok, err := g.lookup(c, key)
	if err != nil {
		return nil, err
	}
	if !ok || who.Inactive {
		return nil, sigv4.UnknownKey(family, key)
	}
	if subtle.ConstantTimeCompare([]byte(who.Token), []byte(token)) != 1 && !g.SkipSignatures {
		// Local tools send a token with static keys; it means nothing there.
		switch {
		case who.Token != "" && token == "":
			// A temporary key without its token is a key that nobody knows.
			return nil, sigv4.UnknownKey(family, key)
		case who.Token != "":
			return nil, sigv4.BadToken(family, token)
		}
	}
	if p := who.Principal; p.HasSession && !p.Expires.IsZero() && clock.Machine().After(p.Expires) {
		return nil, sigv4.ExpiredToken(family, token)
	}
	return who, nil
}

func (g *Gate) lookup(c *cloud.Call, key string) (who *identity.Resolved, ok bool, err error) {
	epoch := g.resolver.Epoch()
	if g.exclusive {
		if who, ok := g.resolver.Known(key, epoch); ok {
			return who, true, nil
		}
	}
	find := func(r store.Reader) error {
		if who, ok = g.resolver.Key(r, key); ok {
			g.resolver.Confirm(key, who, epoch)
		}
		return nil
	}
	if err = g.Options.DB.View(c, find); err != nil || ok || !identity.IsAccountID(key) {
		return who, ok, err
	}
	// A 12-digit access key is the root of that account, which comes into
	// being with its first use.
	err = g.Options.DB.Update(c, func(tx store.Tx) error {
		identity.EnsureAccount(tx, key, g.RootSecret, c.Now)
		return nil
	})
	if err == nil {
		err = g.Options.DB.View(c, find)
	}
	return who, ok, err
}

// Credential is the secret and principal of an access key.
func (g *Gate) Credential(ctx context.Context, accessKey, sessionToken string) (string, *cloud.Principal, error) {
	c := &cloud.Call{Context: ctx, Now: g.Options.Clock.Now()}
	who, err := g.credential(c, sigv4.S3, accessKey, sessionToken)
	if err != nil {
		return "", nil, err
	}
	return who.Secret, who.Principal, nil
}
