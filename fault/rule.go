package fault

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"pileus/store"
)

// Rule is a fault that somebody asked for: where it strikes, what it does and
// how often. Fields that say where are patterns with * and ?, and match
// anything when empty.
type Rule struct {
	ID        string `json:"id"`
	Kind      string `json:"kind,omitempty"` // of the points that it strikes: "api" where empty
	Service   string `json:"service,omitempty"`
	Operation string `json:"operation,omitempty"`
	Resource  string `json:"resource,omitempty"` // ARN
	Region    string `json:"region,omitempty"`
	Account   string `json:"account,omitempty"`
	Principal string `json:"principal,omitempty"` // ARN of who calls, or of its role or user

	Error   string   `json:"error,omitempty"`   // AWS's error code
	Status  int      `json:"status,omitempty"`  // HTTP status; the code's own where 0
	Message string   `json:"message,omitempty"` // the code's own where empty
	Latency Duration `json:"latency,omitempty"` // of the machine's time, before the call is handled
	Reset   bool     `json:"reset,omitempty"`   // cut the connection instead of answering

	Rate  float64    `json:"rate"`            // how likely it strikes: 0 never, 1 always
	Count int        `json:"count,omitempty"` // strikes until it is removed; 0 for no limit. A restart counts anew.
	Until *time.Time `json:"until,omitempty"` // of the cloud's clock

	Struck int    `json:"struck"`           // how often it has, in this process
	Origin string `json:"origin,omitempty"` // the API that made it, where not our own

	Seq int64 `json:"-" cbor:"seq"` // order of addition, in which rules are tried
}

// KindAPI is the kind of point that every API call passes.
const KindAPI = "api"

var rules = store.Table[Rule]{Name: "fault.rule", Key: func(r *Rule) store.Key { return store.K(r.Seq) }}

// check tells what is wrong with a rule that somebody wants to add.
func (r *Rule) check() error {
	switch {
	case !(r.Rate >= 0 && r.Rate <= 1): // NaN included
		return fmt.Errorf("rate is %v, which is not between 0 and 1", r.Rate)
	case r.Count < 0:
		return fmt.Errorf("count is %d, which is less than none", r.Count)
	case r.Latency < 0:
		return fmt.Errorf("latency is %v, which is less than none", time.Duration(r.Latency))
	case r.Status != 0 && (r.Status < 400 || r.Status > 599):
		return fmt.Errorf("status is %d, which is not that of an error (400 to 599)", r.Status)
	case r.Reset && r.Error != "":
		return fmt.Errorf("a connection that is reset brings no error: choose one of them")
	case strings.ContainsAny(r.Error, " <>&\"\n"):
		return fmt.Errorf("error is %q, which is no error code", r.Error)
	}
	return nil
}

// settle gives a rule that does nothing its effect: the error of a service
// that is not there.
func (r *Rule) settle() {
	if r.Error == "" && !r.Reset && (r.Latency == 0 || r.Status != 0) {
		r.Error = "ServiceUnavailable"
	}
	if r.Kind == "" {
		r.Kind = KindAPI
	}
}

// UnmarshalJSON reads a rule; one that names no rate always strikes.
func (r *Rule) UnmarshalJSON(b []byte) error {
	type plain Rule
	p := plain{Rate: 1}
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	*r = Rule(p)
	return nil
}

// Duration is a duration that JSON has as text, "250ms", or as a number of
// milliseconds.
type Duration time.Duration

// MarshalJSON writes the duration as text.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON reads text or milliseconds.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var ms float64
	if json.Unmarshal(b, &ms) == nil {
		if math.Abs(ms) > float64(math.MaxInt64/time.Millisecond) {
			return fmt.Errorf("%s milliseconds are more than can be waited for", b)
		}
		*d = Duration(ms * float64(time.Millisecond))
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("%q is no duration like 250ms or 2s", s)
	}
	*d = Duration(v)
	return nil
}

// match tells whether s matches a pattern of * and ?; an empty pattern matches
// anything.
func match(pattern, s string) bool {
	if pattern == "" || pattern == "*" {
		return true
	}
	p, i := 0, 0
	star, from := -1, 0 // the last * and where in s its match may grow from
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			from++
			p, i = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
