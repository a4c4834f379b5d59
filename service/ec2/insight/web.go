package insight

import (
	"encoding/json"
	"net/http"
	"strconv"

	"pileus/cloud"
	"pileus/plane/reach"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// WhyPath is where `pileus why net` asks.
const WhyPath = "/_pileus/network/why"

// Told is its answer.
type Told struct {
	Question reach.Question
	Answer   reach.Answer
	Text     []string
}

// web answers the administrator's question: from, to, protocol and port.
func web(c *cloud.Call, w http.ResponseWriter, r *http.Request) bool {
	if r.URL.Path != WhyPath || r.Method != http.MethodGet {
		return false
	}
	q := r.URL.Query()
	if account := q.Get("account"); account != "" {
		c = c.In(account, c.Region)
	}
	if region := q.Get("region"); region != "" {
		c = c.In(c.Account, region)
	}
	told, err := why(c, q.Get("from"), q.Get("to"), q.Get("protocol"), q.Get("port"))
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
		return true
	}
	json.NewEncoder(w).Encode(told)
	return true
}

func why(c *cloud.Call, from, to, protocol, port string) (told Told, err error) {
	number, err := strconv.Atoi(port)
	if err != nil && protocol != "icmp" {
		return told, resource.Invalid(port, "port")
	}
	err = c.View(func(r store.Reader) error {
		a, err := resolve(c, r, from, "source")
		if err != nil {
			return err
		}
		b, err := resolve(c, r, to, "destination")
		if err != nil {
			return err
		}
		told.Question = question(a, b, protocol, number)
		told.Answer = answer(c, r, told.Question)
		return nil
	})
	told.Text = told.Answer.Explain()
	return told, err
}
