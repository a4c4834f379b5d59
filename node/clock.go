package node

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"pileus/clock"
)

// ClockState is the clock as JSON shows it.
type ClockState struct {
	Now    time.Time `json:"now"`
	Offset string    `json:"offset"`
	Frozen bool      `json:"frozen"`
}

func stateOf(s clock.State) ClockState {
	return ClockState{s.Now, s.Offset.Round(time.Millisecond).String(), s.Frozen}
}

// move is what a request to steer the clock carries.
type move struct {
	By string    `json:"by,omitempty"` // "30d"
	To time.Time `json:"to,omitzero"`
}

// clockRoutes answers GET /_pileus/clock, and POST
// /_pileus/clock/{advance,set,freeze,resume,reset} with {"by": "30d"} or
// {"to": "2027-01-01T00:00:00Z"} where the verb needs it. While a move is under
// way, GET tells how far it has come; when its client leaves, it stops there.
func (n *Node) clockRoutes(m *http.ServeMux) {
	m.HandleFunc("GET /_pileus/clock", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, stateOf(n.Clock().State()), nil)
	})
	m.HandleFunc("POST /_pileus/clock/{verb}", func(w http.ResponseWriter, r *http.Request) {
		var in move
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&in)
		if err != nil && !errors.Is(err, io.EOF) {
			reply(w, nil, &wrong{http.StatusBadRequest, "the body is not the JSON that was expected: " + err.Error()})
			return
		}
		n.with(r.Context(), func(ctx context.Context, c *core) {
			err := steer(ctx, c.clock, r.PathValue("verb"), in)
			reply(w, stateOf(c.clock.State()), err)
		})
	})
}

func steer(ctx context.Context, k clock.Control, verb string, in move) error {
	switch verb {
	case "advance":
		d, err := clock.ParseDuration(in.By)
		if err != nil {
			return &wrong{http.StatusBadRequest, err.Error()}
		}
		if d < 0 {
			return &wrong{http.StatusBadRequest, "advancing goes forward: to go back, set the clock"}
		}
		return k.Advance(ctx, d)
	case "set":
		if in.To.IsZero() {
			return &wrong{http.StatusBadRequest, `to set the clock needs {"to": "2027-01-01T00:00:00Z"}`}
		}
		return k.Set(ctx, in.To)
	case "freeze":
		k.Freeze()
	case "resume":
		k.Resume()
	case "reset":
		k.Reset()
	default:
		return &wrong{http.StatusNotFound, "the clock knows advance, set, freeze, resume and reset, not " + verb}
	}
	return nil
}
