package fault

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
)

// chaosRule is a fault as LocalStack's chaos API has it. Omitted members match
// anything; the default error is that of a service that is not available.
type chaosRule struct {
	Region      string      `json:"region,omitempty"`
	Service     string      `json:"service,omitempty"`
	Operation   string      `json:"operation,omitempty"`
	Probability *float64    `json:"probability,omitempty"`
	Error       *chaosError `json:"error,omitempty"`
}

type chaosError struct {
	StatusCode int    `json:"statusCode,omitempty"`
	Code       string `json:"code,omitempty"`
}

// chaosEffects are what happens to every call.
type chaosEffects struct {
	Latency float64 `json:"latency"` // milliseconds
}

// The origins of rules that came by the chaos API, which knows only its own.
const (
	fromChaos   = "localstack"
	fromEffects = "localstack-effects"
)

// chaos adds LocalStack's chaos API: at /_localstack/chaos/faults GET lists,
// POST and PUT replace, PATCH adds and DELETE removes the rules in the body,
// or all where it has none; /_localstack/chaos/effects has the latency that
// every call gets.
func (f *Faults) chaos(m *http.ServeMux) {
	const faults, effects = "/_localstack/chaos/faults", "/_localstack/chaos/effects"
	m.HandleFunc("GET "+faults, func(w http.ResponseWriter, r *http.Request) { answer(w, http.StatusOK, f.chaosRules(), nil) })
	for _, method := range []string{"POST ", "PUT "} {
		m.HandleFunc(method+faults, func(w http.ResponseWriter, r *http.Request) {
			f.putChaos(w, r, func(x Rule) bool { return x.Origin == fromChaos })
		})
		m.HandleFunc(method+effects, f.putEffects)
	}
	m.HandleFunc("PATCH "+faults, func(w http.ResponseWriter, r *http.Request) {
		f.putChaos(w, r, func(Rule) bool { return false })
	})
	m.HandleFunc("DELETE "+faults, f.deleteChaos)
	m.HandleFunc("GET "+effects, func(w http.ResponseWriter, r *http.Request) { answer(w, http.StatusOK, f.chaosEffects(), nil) })
	m.HandleFunc("DELETE "+effects, func(w http.ResponseWriter, r *http.Request) {
		_, err := f.Remove(r.Context(), func(x Rule) bool { return x.Origin == fromEffects })
		answer(w, http.StatusOK, f.chaosEffects(), err)
	})
}

func (f *Faults) chaosRules() []chaosRule {
	list := []chaosRule{}
	for _, r := range f.List() {
		if r.Origin == fromChaos {
			list = append(list, r.chaos())
		}
	}
	return list
}

// chaos is the rule as it was given: what LocalStack defaults is left out.
func (r *Rule) chaos() chaosRule {
	c := chaosRule{Region: r.Region, Service: r.Service, Operation: r.Operation}
	if r.Rate != 1 {
		c.Probability = &r.Rate
	}
	if r.Error != "ServiceUnavailable" || r.Status != 0 {
		c.Error = &chaosError{r.Status, r.Error}
	}
	return c
}

func (c *chaosRule) rule() Rule {
	r := Rule{
		Region: c.Region, Service: c.Service, Operation: c.Operation, Rate: 1,
		Message: "Operation failed due to a simulated fault", Origin: fromChaos,
	}
	if c.Probability != nil {
		r.Rate = *c.Probability
	}
	if c.Error != nil {
		r.Status, r.Error = c.Error.StatusCode, c.Error.Code
	}
	r.settle()
	return r
}

// putChaos adds the rules in the body in the place of those that drop chooses.
func (f *Faults) putChaos(w http.ResponseWriter, r *http.Request, drop func(Rule) bool) {
	var in []chaosRule
	if !read(w, r, &in) {
		return
	}
	add := make([]Rule, len(in))
	for i := range in {
		add[i] = in[i].rule()
	}
	_, err := f.Replace(r.Context(), drop, add...)
	answer(w, http.StatusOK, f.chaosRules(), err)
}

func (f *Faults) deleteChaos(w http.ResponseWriter, r *http.Request) {
	var in []chaosRule
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&in)
	if err != nil && !errors.Is(err, io.EOF) {
		http.Error(w, "the body is not the JSON that was expected: "+err.Error(), http.StatusBadRequest)
		return
	}
	_, err = f.Remove(r.Context(), func(x Rule) bool {
		if x.Origin != fromChaos || len(in) == 0 {
			return x.Origin == fromChaos
		}
		for i := range in {
			if y := in[i].rule(); x.same(&y) {
				return true
			}
		}
		return false
	})
	answer(w, http.StatusOK, f.chaosRules(), err)
}

// same tells whether two rules ask for the same.
func (r *Rule) same(o *Rule) bool {
	return r.Region == o.Region && r.Service == o.Service && r.Operation == o.Operation &&
		r.Rate == o.Rate && r.Status == o.Status && r.Error == o.Error
}

func (f *Faults) chaosEffects() (e chaosEffects) {
	for _, r := range f.List() {
		if r.Origin == fromEffects {
			e.Latency = float64(r.Latency) / float64(time.Millisecond)
		}
	}
	return e
}

func (f *Faults) putEffects(w http.ResponseWriter, r *http.Request) {
	var in struct{ Latency Duration }
	if !read(w, r, &in) {
		return
	}
	var add []Rule
	if in.Latency != 0 {
		add = append(add, Rule{Latency: in.Latency, Rate: 1, Origin: fromEffects})
	}
	_, err := f.Replace(r.Context(), func(x Rule) bool { return x.Origin == fromEffects }, add...)
	answer(w, http.StatusOK, f.chaosEffects(), err)
}
