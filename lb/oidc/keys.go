package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"pileus/clock"
)

// Limits of key sets.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-verify-jwt.html#jwt-validation-limits
const (
	maxKeySet = 150 << 10
	maxKeys   = 10
)

const (
	// keysLast is how long a key set is used before it is asked for again, and
	// keysAgain how soon that is done for a key that it does not have.
	keysLast  = 5 * time.Minute
	keysAgain = 10 * time.Second
)

// Keys are the keys that a provider signs with, fetched when they are needed and
// kept for some minutes. It is safe for concurrent use.
type Keys struct {
	url string

	mu      sync.Mutex // held while they are fetched: who comes meanwhile waits
	set     *jose.JSONWebKeySet
	fetched clock.Stopwatch
}

// NewKeys are the keys at a URL.
func NewKeys(url string) *Keys { return &Keys{url: url} }

// find is the keys that a token may be signed with: those of its key id, or all
// where it names none.
func (k *Keys) find(ctx context.Context, client *http.Client, id string) ([]jose.JSONWebKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.set != nil {
		age := k.fetched.Elapsed()
		if found := k.named(id); len(found) > 0 && age < keysLast || age < keysAgain {
			return found, nil
		}
	}
	set, err := k.fetch(ctx, client)
	if err != nil && k.set == nil {
		return nil, err
	}
	if err == nil {
		k.set = set
	}
	k.fetched = clock.Start() // one that cannot be reached is not asked at once again
	return k.named(id), nil
}

func (k *Keys) named(id string) []jose.JSONWebKey {
	if id == "" {
		return k.set.Keys
	}
	return k.set.Key(id)
}

func (k *Keys) fetch(ctx context.Context, client *http.Client) (*jose.JSONWebKeySet, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, nil)
	if err != nil {
		return nil, wrong(http.StatusInternalServerError, "JWKSRequestFailed", "%w", err)
	}
	resp, err := client.Do(r)
	if timedOut(err) {
		return nil, wrong(http.StatusInternalServerError, "JWKSRequestTimeout", "%w", err)
	}
	if err != nil {
		return nil, wrong(http.StatusInternalServerError, "JWKSRequestFailed", "%w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, wrong(http.StatusInternalServerError, "JWKSRequestFailed", "it answered %s", resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxKeySet+1))
	if err == nil && len(body) > maxKeySet {
		return nil, wrong(http.StatusInternalServerError, "JWKSResponseSizeExceeded", "the key set has more than %d bytes", maxKeySet)
	}
	set := new(jose.JSONWebKeySet)
	if err = errors.Join(err, json.Unmarshal(body, set)); err != nil {
		return nil, wrong(http.StatusInternalServerError, "JWKSRequestFailed", "%w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, wrong(http.StatusInternalServerError, "JWKSResponseSizeExceeded", "the key set has more than %d keys", maxKeys)
	}
	return set, nil
}
