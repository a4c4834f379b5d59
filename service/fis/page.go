package fis

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"iter"

	"pileus/cloud"
	"pileus/store"
)

const defaultPage = 100

// page shows a page of a list that is ordered by its keys.
func page[T any](list iter.Seq[*T], key func(*T) string, size *int32, token *string, show func(*T)) (next *string, err error) {
	var after []byte
	if token != nil {
		var ok bool
		if after, ok = store.ReadCursor(*token); !ok {
			return nil, errInvalid("Invalid NextToken: %s", *token)
		}
	}
	left, last := int(cloud.Or(size, defaultPage)), ""
	for v := range list {
		k := key(v)
		switch {
		case k <= string(after):
			continue
		case left == 0:
			return new(store.Cursor([]byte(last))), nil
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
