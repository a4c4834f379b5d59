package s3

import (
	"net/url"
	"strings"
	"time"

	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

// renamed is what a client token was used for, so that a request that is sent
// again is answered again.
type renamed struct {
	Bucket, Token string
	Source, Key   string
	Until         time.Time
}

var renames = &store.Table[renamed]{
	Name: "s3.rename",
	Key:  func(x *renamed) store.Key { return store.K(x.Bucket, x.Token) },
	Indexes: map[string]func(*renamed) store.Key{
		"until": func(x *renamed) store.Key { return store.K(x.Bucket, x.Until) },
	},
}

const (
	renameKept  = 15 * time.Minute // how long a client token is remembered
	renameSwept = 10               // forgotten tokens that one rename removes
)

// renameObject gives an object of a directory bucket another key, in one
// transaction and without touching its content.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_RenameObject.html
func renameObject(c *cloud.Call, tx store.Tx, in *api.RenameObjectInput) (*api.RenameObjectOutput, error) {
	b, err := findBucket(tx, in.Bucket)
	if err != nil {
		return nil, err
	}
	from, err := renameSource(in)
	if err != nil {
		return nil, err
	}
	if done, err := remember(c, tx, in, from); done || err != nil {
		return &api.RenameObjectOutput{}, err
	}
	o, err := findObject(tx, b, from, nil, "PUT")
	if err != nil {
		return nil, err
	}
	q := condition{match: in.SourceIfMatch, noneMatch: in.SourceIfNoneMatch, modifiedSince: in.SourceIfModifiedSince, unmodSince: in.SourceIfUnmodifiedSince, copying: true}
	if err := q.check(o); err != nil {
		return nil, err
	}
	old, _ := latest(tx, b, in.Key)
	if err := checkDestination(in, old); err != nil {
		return nil, err
	}
	if in.Key == from {
		return &api.RenameObjectOutput{}, nil
	}
	if old != nil {
		dropContent(c, tx, old)
		holdVersion(c, tx, old, -1)
	}
	move(tx, o, in.Key, old)
	tx.OnCommit(func() { meter(c, b, "RenameObject", tier1) })
	return &api.RenameObjectOutput{}, nil
}

// renameSource is the key in x-amz-rename-source, which names the bucket too.
func renameSource(in *api.RenameObjectInput) (string, error) {
	bad := errArgument("x-amz-rename-source", in.RenameSource, "The rename source must name the bucket and a key: bucket/key")
	path, err := url.PathUnescape(in.RenameSource)
	if err != nil {
		return "", bad
	}
	bucket, key, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch {
	case !ok || key == "" || bucket != in.Bucket:
		return "", bad
	case strings.HasSuffix(key, "/"), strings.HasSuffix(in.Key, "/"):
		return "", errInvalidRequest("Objects whose keys end with a delimiter cannot be renamed.")
	}
	return key, checkKey(in.Key)
}

// checkDestination decides by what is at the new key; old is nil for nothing.
func checkDestination(in *api.RenameObjectInput, old *Object) error {
	if old == nil {
		if in.DestinationIfMatch != nil {
			return errNoSuchKey(in.Key)
		}
		return nil
	}
	q := condition{match: in.DestinationIfMatch, modifiedSince: in.DestinationIfModifiedSince, unmodSince: in.DestinationIfUnmodifiedSince}
	if n := in.DestinationIfNoneMatch; n != nil && matchesETag(*n, old.ETag) {
		return errPrecondition("If-None-Match")
	}
	if q.check(old) != nil {
		return errPrecondition("If-Match")
	}
	return nil
}

// remember notes a client token; done tells that the request was served before.
func remember(c *cloud.Call, tx store.Tx, in *api.RenameObjectInput, from string) (done bool, err error) {
	token := cloud.Or(in.ClientToken, "")
	if token == "" {
		return false, nil
	}
	if x, ok := renames.Get(tx, in.Bucket, token); ok && x.Until.After(c.Now) {
		if x.Source != from || x.Key != in.Key {
			return false, api.ErrIdempotencyParameterMismatch.New("The client token was used before with other parameters.")
		}
		return true, nil
	}
	var gone []string
	for x := range renames.Between(tx, "until", store.K(in.Bucket, time.Time{}), store.K(in.Bucket, c.Now)) {
		if gone = append(gone, x.Token); len(gone) == renameSwept {
			break
		}
	}
	for _, t := range gone {
		renames.Delete(tx, in.Bucket, t)
	}
	renames.Put(tx, &renamed{in.Bucket, token, from, in.Key, c.Now.Add(renameKept)})
	return false, nil
}

// move puts an object's record, and that of its parts, under another key.
func move(tx store.Tx, o *Object, key string, old *Object) {
	moved := *o
	moved.Key = key
	if old != nil {
		moved.Seq = max(moved.Seq, old.Seq+1)
	}
	if o.Parts > 0 {
		if list, ok := parts.Get(tx, o.Bucket, o.Key, o.Seq); ok {
			next := *list
			next.Key, next.Seq = key, moved.Seq
			parts.Delete(tx, o.Bucket, o.Key, o.Seq)
			parts.Put(tx, &next)
		}
	}
	objects.Delete(tx, o.Bucket, o.Key)
	objects.Insert(tx, &moved)
}
