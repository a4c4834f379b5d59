package metadata

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// longestToken is the longest life of a session token.
const longestToken = 6 * time.Hour

// token makes a session token for an instance. It needs no memory: it carries
// its end and the mark of the cloud's key.
func (k *Secrets) token(instance string, end time.Time) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(end.UnixNano()))
	return base64.URLEncoding.EncodeToString(append(b, k.mark(instance, b)...))
}

// honours tells whether a token is the instance's and has not expired.
func (k *Secrets) honours(token, instance string, now time.Time) bool {
	b, err := base64.URLEncoding.DecodeString(token)
	if err != nil || len(b) != 8+sha256.Size {
		return false
	}
	end := time.Unix(0, int64(binary.BigEndian.Uint64(b)))
	return hmac.Equal(b[8:], k.mark(instance, b[:8])) && now.Before(end)
}

func (k *Secrets) mark(instance string, end []byte) []byte {
	h := hmac.New(sha256.New, k.Token)
	h.Write(end)
	h.Write([]byte(instance))
	return h.Sum(nil)
}

// rest is how long a token that is honoured is good for.
func (k *Secrets) rest(token string, now time.Time) time.Duration {
	b, err := base64.URLEncoding.DecodeString(token)
	if err != nil || len(b) < 8 {
		return 0
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(b))).Sub(now)
}
