package s3

import (
	"maps"
	"time"

	"pileus/cloud"
	"pileus/identity"
	"pileus/rng"
	"pileus/store"

	api "pileus/api/s3"
)

const (
	sessionLife   = 5 * time.Minute // of the machine's time, as all temporary credentials
	sessionToken  = 340             // characters
	sessionBucket = "s3express:sessionbucket"
	sessionMode   = "s3express:sessionmode"
)

// createSession gives out credentials for one directory bucket: those of the
// caller, for five minutes. The bucket need not be there yet: AWS's clients ask
// for a session before they create a bucket, where they were given one endpoint
// for everything and so cannot tell that S3 has another for that.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateSession.html
func createSession(c *cloud.Call, tx store.Tx, in *api.CreateSessionInput) (*api.CreateSessionOutput, error) {
	if directoryZone(in.Bucket) == "" {
		return nil, errBucketName(in.Bucket)
	}
	mode := cloud.Or(in.SessionMode, readWrite)
	if !oneOf(mode, readOnly, readWrite) {
		return nil, errArgument("x-amz-create-session-mode", mode, "Invalid session mode")
	}
	if _, err := readEncryption(in.ServerSideEncryption, in.SSEKMSKeyId, in.SSEKMSEncryptionContext, nil, nil, nil); err != nil {
		return nil, err
	}
	p := *c.Principal
	p.FederatedKeys = maps.Clone(p.FederatedKeys)
	if p.FederatedKeys == nil {
		p.FederatedKeys = map[string][]string{}
	}
	p.FederatedKeys[sessionBucket] = []string{in.Bucket}
	p.FederatedKeys[sessionMode] = []string{mode}
	p.HasSession = true
	p.IssuedAt = c.Cloud.Clock().Machine().Truncate(time.Second)
	p.Expires = p.IssuedAt.Add(sessionLife)
	s := &identity.Session{
		ID:        identity.NewKeyID(identity.SessionKeyID, p.Account, c.Rand()),
		Secret:    identity.NewSecret(),
		Token:     rng.Secret(sessionToken, rng.Base62),
		Principal: p,
	}
	identity.PutSession(tx, s)
	if b, ok := buckets.Get(tx, in.Bucket); ok {
		tx.OnCommit(func() { meter(c, b, "CreateSession", tier1) })
	}
	return &api.CreateSessionOutput{
		Credentials:          api.SessionCredentials{AccessKeyId: s.ID, SecretAccessKey: s.Secret, SessionToken: s.Token, Expiration: p.Expires},
		ServerSideEncryption: new("AES256"),
	}, nil
}
