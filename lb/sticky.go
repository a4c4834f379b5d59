package lb

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"strconv"
	"strings"
	"time"

	"pileus/rng"
)

// Names of the cookies of sticky sessions. The second of a pair is the same
// for requests from other sites.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/sticky-sessions.html
const (
	cookieTarget     = "AWSALB"
	cookieTargetCORS = "AWSALBCORS"
	cookieGroup      = "AWSALBTG"
	cookieGroupCORS  = "AWSALBTGCORS"
	cookieApp        = "AWSALBAPP-0"
	cookieClassic    = "AWSELB"
	cookieClassicX   = "AWSELBCORS"
)

// sealer makes cookies that only this load balancer reads.
type sealer struct{ aead cipher.AEAD }

func newSealer(key []byte, balancer string) *sealer {
	k, err := hkdf.Key(sha256.New, key, nil, "sticky sessions of "+balancer, 32)
	if err != nil {
		panic(err) // only for keys of absurd lengths
	}
	block, err := aes.NewCipher(k)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return &sealer{aead}
}

// stick is what a cookie says: the group, the target in it, and until when.
type stick struct {
	group   string
	target  TargetKey
	expires time.Time // zero for the browser's session
}

// wrap makes what only this balancer reads, for a URL or a cookie. name is
// sealed as well: the value of one cookie is none of another.
func (s *sealer) wrap(name string, plain []byte) string {
	nonce := rng.Bytes(s.aead.NonceSize())
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nonce, nonce, plain, []byte("wrapped "+name)))
}

// unwrap reads what wrap has made; ok is false for what it has not.
func (s *sealer) unwrap(name, value string) (plain []byte, ok bool) {
	sealed, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil || len(sealed) < s.aead.NonceSize() {
		return nil, false
	}
	n := s.aead.NonceSize()
	plain, err = s.aead.Open(nil, sealed[:n], sealed[n:], []byte("wrapped "+name))
	return plain, err == nil
}

// seal is the value of a cookie. name is sealed as well: the value of one
// cookie is none of another.
func (s *sealer) seal(name string, k stick) string {
	plain := make([]byte, 8, 128)
	if !k.expires.IsZero() {
		binary.BigEndian.PutUint64(plain, uint64(k.expires.Unix()))
	}
	plain = binary.BigEndian.AppendUint16(plain, k.target.Port)
	plain = append(append(append(plain, k.target.ID...), 0), k.group...)
	nonce := rng.Bytes(s.aead.NonceSize())
	return base64.RawStdEncoding.EncodeToString(s.aead.Seal(nonce, nonce, plain, []byte(name)))
}

// open reads a cookie's value; ok is false for one that is not ours, was
// changed or is over at now.
func (s *sealer) open(name, value string, now time.Time) (k stick, ok bool) {
	sealed, err := base64.RawStdEncoding.DecodeString(value)
	if err != nil || len(sealed) < s.aead.NonceSize() {
		return k, false
	}
	nonce, sealed := sealed[:s.aead.NonceSize()], sealed[s.aead.NonceSize():]
	plain, err := s.aead.Open(nil, nonce, sealed, []byte(name))
	if err != nil || len(plain) < 10 {
		return k, false
	}
	if at := binary.BigEndian.Uint64(plain); at != 0 {
		k.expires = time.Unix(int64(at), 0)
	}
	k.target.Port = binary.BigEndian.Uint16(plain[8:])
	k.target.ID, k.group, ok = strings.Cut(string(plain[10:]), "\x00")
	return k, ok && (k.expires.IsZero() || now.Before(k.expires))
}

// cookie is the value of a request's cookie, "" for none.
func (r *request) cookie(name string) string {
	for i := range r.fields {
		if fold(r.fields[i].name, "cookie") {
			if v, ok := cookieIn(r.fields[i].value, name); ok {
				return v
			}
		}
	}
	return ""
}

// cookieIn finds a cookie in a Cookie header.
func cookieIn(header, name string) (string, bool) {
	for header != "" {
		var one string
		one, header, _ = strings.Cut(header, ";")
		if k, v, ok := strings.Cut(trim(one), "="); ok && k == name {
			if n := len(v); n > 1 && v[0] == '"' && v[n-1] == '"' {
				v = v[1 : n-1]
			}
			return v, true
		}
	}
	return "", false
}

// stickGroup finds the group that a client was sent to before.
func (x *exchange) stickGroup(p *plan) *pool {
	if p.sticky <= 0 || len(p.groups) < 2 {
		return nil
	}
	for _, name := range []string{cookieGroup, cookieGroupCORS} {
		if v := x.req.cookie(name); v != "" {
			if k, ok := x.front.sealer.open(name, v, x.now()); ok {
				if pool := p.has(k.group); pool != nil {
					return pool
				}
			}
		}
	}
	return nil
}

// stickyOf is how clients stick to the targets of a pool: as the group says,
// or as a classic listener does.
func (x *exchange) stickyOf(p *pool) *Stickiness {
	if x.config.classic {
		return &x.config.listener.Sticky
	}
	return &p.group.Load().Sticky
}

// stickTarget finds the target that a client was sent to before, if that may
// still get its requests.
func (x *exchange) stickTarget(p *pool) *member {
	st := x.stickyOf(p)
	var names []string
	switch {
	case st.Type == "":
		return nil
	case st.Type == "app_cookie" && x.req.cookie(st.Cookie) == "":
		return nil
	case x.config.classic:
		names = []string{cookieClassic, cookieClassicX}
	case st.Type == "app_cookie":
		names = []string{cookieApp}
	case st.Type == "lb_cookie":
		names = []string{cookieTarget, cookieTargetCORS}
	}
	for _, name := range names {
		if v := x.req.cookie(name); v != "" {
			k, ok := x.front.sealer.open(name, v, x.now())
			if ok && (k.group == p.id) {
				if m := p.named(x.node.Zone, k.target); m != nil {
					return m
				}
			}
		}
	}
	return nil
}

// setCookies are the Set-Cookie values that an answer of a target gets. set
// tells whether the target itself sets a cookie.
func (x *exchange) setCookies(set func(name string) bool) (all []string) {
	if p := x.plan; p != nil && p.sticky > 0 && len(p.groups) > 1 {
		all = append(all, x.pair(cookieGroup, cookieGroupCORS, stick{group: x.pool.id}, p.sticky)...)
	}
	st := x.stickyOf(x.pool)
	k := stick{group: x.pool.id, target: x.member.key}
	switch {
	case st.Type == "":
	case x.config.classic:
		if st.Type == "lb_cookie" && x.stuck || st.Type == "app_cookie" && !set(st.Cookie) {
			return all
		}
		return append(all, x.pair(cookieClassic, cookieClassicX, k, st.Duration)...)
	case st.Type == "lb_cookie":
		return append(all, x.pair(cookieTarget, cookieTargetCORS, k, st.Duration)...)
	case st.Type == "app_cookie" && set(st.Cookie):
		return append(all, x.bake(cookieApp, k, st.Duration, ""))
	}
	return all
}

// pair are a cookie and its twin for requests from other sites.
func (x *exchange) pair(name, cors string, k stick, span time.Duration) []string {
	return []string{x.bake(name, k, span, ""), x.bake(cors, k, span, "; SameSite=None; Secure")}
}

// bake is a Set-Cookie value. The client counts by the machine's time, the
// cookie's own end is by the cloud's.
func (x *exchange) bake(name string, k stick, span time.Duration, more string) string {
	expires := ""
	if span > 0 {
		k.expires = x.now().Add(span)
		if x.config.classic {
			expires = "; MAX-AGE=" + strconv.Itoa(int(span/time.Second))
		} else {
			expires = "; Expires=" + x.front.site.opts.Clock.Machine().Add(span).Format(http.TimeFormat)
		}
	}
	return name + "=" + x.front.sealer.seal(name, k) + expires + "; Path=/" + more
}
