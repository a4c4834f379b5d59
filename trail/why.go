package trail

import (
	"context"
	"encoding/json"
	"fmt"
)

// Explanation tells what became of a request, and of a refused one, why.
type Explanation struct {
	Event *Event `json:"event"`
	// Trace is the evaluation that refused the request, as policy's trace
	// encodes; nil where the request was not refused by one.
	Trace json.RawMessage `json:"trace,omitempty"`
}

// Why explains a request; nil where the trail does not know it.
func (t *Trail) Why(ctx context.Context, requestID string) (*Explanation, error) {
	e, err := t.Find(ctx, requestID)
	if err != nil || e == nil {
		return nil, err
	}
	if e.Trace != nil {
		b, err := json.Marshal(e.Trace)
		if err != nil {
			return nil, fmt.Errorf("trail: encode the trace of %s: %w", requestID, err)
		}
		return &Explanation{e, b}, nil
	}
	d, err := t.journal.denial(ctx, requestID)
	if err != nil || d == nil {
		return &Explanation{Event: e}, err
	}
	return &Explanation{e, d.Trace}, nil
}
