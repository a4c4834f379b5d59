package market

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"pileus/cloud"
	"pileus/fault"
	"pileus/service/ec2/instance"
	"pileus/store"
)

// InterruptPath is where `pileus fault spot-interrupt` asks that a spot
// instance be taken back: POST ?instance=i-..., with rebalance=true for a
// recommendation to rebalance alone.
const InterruptPath = "/_pileus/spot"

// Interrupted is the answer.
type Interrupted struct {
	Instance string     `json:"instance"`
	Request  string     `json:"request"`
	Action   string     `json:"action,omitempty"` // "terminate", "stop", "hibernate"
	At       *time.Time `json:"at,omitempty"`
}

func web(c *cloud.Call, w http.ResponseWriter, r *http.Request) bool {
	if r.URL.Path != InterruptPath || r.Method != http.MethodPost {
		return false
	}
	out, err := interruptByHand(c, r.URL.Query().Get("instance"), r.URL.Query().Get("rebalance") == "true")
	w.Header().Set("Content-Type", "application/json")
	var answer any = out
	if err != nil {
		status, message := http.StatusInternalServerError, err.Error()
		var e *cloud.Error
		if errors.As(err, &e) {
			status, message = e.Status, e.Message
		}
		w.WriteHeader(status)
		answer = map[string]string{"error": message}
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		return true // the client has gone
	}
	return true
}

// interruptByHand interrupts an instance of any account and region.
func interruptByHand(c *cloud.Call, id string, rebalance bool) (out Interrupted, err error) {
	err = c.Update(func(tx store.Tx) error {
		d := c
		for i := range instance.All(tx) {
			if i.ID == id {
				d = c.In(i.Account, i.Region)
				break
			}
		}
		act := Interrupt
		if rebalance {
			act = Recommend
		}
		if err := act(d, tx, id); err != nil {
			return err
		}
		q, _ := of(d, tx, id)
		out = Interrupted{Instance: id, Request: q.ID, Action: q.Notice.Action, At: moment(q.Notice.At)}
		return nil
	})
	return out, err
}

// interruptForExperiment does what an experiment wants of a spot instance; one
// that has ended meanwhile, or is none, is left alone.
func interruptForExperiment(c *cloud.Call, key store.Key) error {
	c = c.In(key[0].(string), key[1].(string))
	id, act := key[2].(string), Interrupt
	if key[3].(string) == fault.RecommendSpot {
		act = Recommend
	}
	err := c.Update(func(tx store.Tx) error { return act(c, tx, id) })
	var refused *cloud.Error
	if errors.As(err, &refused) {
		return nil
	}
	return err
}
