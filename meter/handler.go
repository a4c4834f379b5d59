package meter

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"pileus/store"
)

// Handler answers GET /_pileus/bill with a Bill: by=service,tag:team groups
// it; from and to, days or times, bound it (this month until now); account,
// region and service narrow it.
func (m *Meter) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_pileus/bill", func(w http.ResponseWriter, r *http.Request) {
		q, err := m.parseQuery(r.URL.Query())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		var b *Bill
		var wrong error // with the query
		err = errors.Join(m.Settle(r.Context()), m.db.View(r.Context(), func(rd store.Reader) error {
			b, wrong = NewBill(rd, q)
			return nil
		}))
		switch {
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		case wrong != nil:
			http.Error(w, wrong.Error(), http.StatusBadRequest)
		default:
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(b) // a client that has left needs no answer
		}
	})
	return mux
}

func (m *Meter) parseQuery(v url.Values) (q Query, err error) {
	q = Query{Account: v.Get("account"), Region: v.Get("region"), Service: v.Get("service")}
	for _, by := range strings.Split(v.Get("by"), ",") {
		if by = strings.TrimSpace(by); by != "" {
			q.By = append(q.By, by)
		}
	}
	now := m.clk.Now()
	if q.From, err = parseTime(v.Get("from"), monthOf(now)); err != nil {
		return q, err
	}
	q.To, err = parseTime(v.Get("to"), now)
	return q, err
}

// parseTime reads a time, a day or a month; def where there is none.
func parseTime(s string, def time.Time) (time.Time, error) {
	if s == "" {
		return def, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02", "2006-01"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time like 2026-01-31T12:00:00Z, 2026-01-31 or 2026-01", s)
}
