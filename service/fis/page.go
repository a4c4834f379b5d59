package fis

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"iter"

	"pileus/cloud"
)

const defaultPage = 100

// page shows a page of a list that is ordered by its keys.
func page[T any](list iter.Seq[*T], key func(*T) string, size *int32, token *string, show func(*T)) (next *string, err error) {
	after, err := base64.RawURLEncoding.DecodeString(cloud.Or(token, ""))
	if err != nil || token != nil && len(after) == 0 {
		return nil, errInvalid("Invalid NextToken: %s", *token)
	}
	left, last := int(cloud.Or(size, defaultPage)), ""
	for v := range list {
		k := key(v)
		switch {
		case k <= string(after):
			continue
		case left == 0:
			return new(base64.RawURLEncoding.EncodeToString([]byte(last))), nil
		}
		show(v)
		last = k
		left--
	}
	return nil, nil
}

// fingerprint tells requests with the same client token apart.
func fingerprint(in any) string {
	b, err := json.Marshal(in)
	if err != nil {
		return err.Error() // not of the API's types
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}
