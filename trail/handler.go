package trail

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// Handler answers
//
//	GET /_pileus/trail            the latest events as lines of JSON, oldest first
//	GET /_pileus/trail?follow=1   and then those that come, until the client leaves
//	GET /_pileus/why/REQUEST_ID   one request and the trace of its refusal
//
// A trail takes limit=N (100, or 10 when following) and the names of Filter's
// fields. To a client that accepts text/event-stream, it is one.
func (t *Trail) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_pileus/trail", t.serveTrail)
	mux.HandleFunc("GET /_pileus/why/{id}", t.serveWhy)
	return mux
}

func (t *Trail) serveTrail(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	follow, _ := strconv.ParseBool(q.Get("follow"))
	limit := 100
	if follow {
		limit = 10
	}
	if v := q.Get("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			http.Error(w, "limit is "+strconv.Quote(v)+", which is no number of events", http.StatusBadRequest)
			return
		}
		limit = n
	}
	f, err := ParseFilter(q)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	sub, stop := t.Subscribe(f) // before looking back, so that nothing falls between
	defer stop()
	events, err := t.Last(r.Context(), limit, f)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	out := newStream(w, r)
	seen := make(map[*Event]bool, len(events))
	for _, e := range events {
		seen[e] = true
		out.send(e)
	}
	if !follow {
		return
	}
	out.flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case e := <-sub.C:
			if seen[e] {
				delete(seen, e)
				continue
			}
			out.send(e)
			if n := sub.Missed(); n > 0 {
				out.send(map[string]int{"missed": n})
			}
			if len(sub.C) == 0 && out.flush() != nil {
				return
			}
		}
	}
}

func (t *Trail) serveWhy(w http.ResponseWriter, r *http.Request) {
	x, err := t.Why(r.Context(), r.PathValue("id"))
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	case x == nil:
		http.Error(w, "no request "+r.PathValue("id")+" is in the trail", http.StatusNotFound)
	default:
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(x) // a client that has left needs no answer
	}
}

// stream writes values as lines of JSON or as server-sent events.
type stream struct {
	w      http.ResponseWriter
	events bool
}

func newStream(w http.ResponseWriter, r *http.Request) *stream {
	s := &stream{w, strings.Contains(r.Header.Get("Accept"), "text/event-stream")}
	w.Header().Set("Content-Type", "application/x-ndjson")
	if s.events {
		w.Header().Set("Content-Type", "text/event-stream")
	}
	w.Header().Set("Cache-Control", "no-store")
	return s
}

// send writes one value; that the client has left is noticed by flush.
func (s *stream) send(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		return
	}
	if s.events {
		b = append(append([]byte("data: "), b...), '\n')
	}
	s.w.Write(append(b, '\n'))
}

func (s *stream) flush() error { return http.NewResponseController(s.w).Flush() }
