package sts

import (
	"context"
	"time"

	api "pileus/api/sts"
	"pileus/cloud"
	"pileus/identity"
	"pileus/rng"
	"pileus/store"
)

const (
	tokenPrefix = "IQoJb3JpZ2luX2Vj" // how AWS's own tokens begin
	tokenChars  = 340
	base64Chars = rng.Base62 + "+/"

	sweepInterval = 10 * time.Minute // of the machine's time
	// expiredKept is how long an expired session is still known, so that its
	// user is told that it has expired.
	expiredKept = 36 * time.Hour
	sweepBatch  = 500
)

// machine is the time that temporary credentials go by.
func machine(c *cloud.Call) time.Time { return c.Cloud.Clock().Machine().Truncate(time.Second) }

// issue makes the credentials of a session that begins now. The principal has
// everything but its times.
func issue(c *cloud.Call, tx store.Tx, p *cloud.Principal, life time.Duration) *api.Credentials {
	p.HasSession = true
	p.IssuedAt = machine(c)
	p.Expires = p.IssuedAt.Add(life)
	if c.HTTP != nil {
		p.CreatedBy = c.HTTP.AccessKey
	}
	s := &identity.Session{
		ID:        identity.NewKeyID(identity.SessionKeyID, p.Account, c.Rand()),
		Secret:    identity.NewSecret(),
		Token:     tokenPrefix + rng.Secret(tokenChars, base64Chars),
		Principal: *p,
	}
	identity.PutSession(tx, s)
	return &api.Credentials{AccessKeyId: s.ID, SecretAccessKey: s.Secret, SessionToken: s.Token, Expiration: p.Expires}
}

// expire forgets sessions whose time is over, until ctx ends. It is no
// controller, because those go by the cloud's clock: a jump of a year would
// call it for every hour of that year while no session has expired.
func expire(ctx context.Context, c cloud.Cloud) {
	for {
		if sweep(ctx, c.DB(), c.Clock().Machine().Add(-expiredKept)) != nil && ctx.Err() != nil {
			return
		}
		if c.Clock().Wait(ctx, sweepInterval) != nil {
			return
		}
	}
}

// sweep removes the sessions that had expired at now.
func sweep(ctx context.Context, db store.Store, now time.Time) error {
	for n := sweepBatch; n == sweepBatch; {
		err := db.Update(ctx, func(tx store.Tx) error {
			n = identity.ExpireSessions(tx, now, sweepBatch)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
