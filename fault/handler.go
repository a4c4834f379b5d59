package fault

import (
	"encoding/json"
	"errors"
	"net/http"
)

// Handler answers
//
//	GET    /_pileus/faults        the rules in force
//	POST   /_pileus/faults        adds a Rule and answers it with its id
//	DELETE /_pileus/faults/ID     removes one
//	DELETE /_pileus/faults        removes all
//
// and LocalStack's chaos API, see localstack.go.
func (f *Faults) Handler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /_pileus/faults", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, f.List(), nil)
	})
	m.HandleFunc("POST /_pileus/faults", f.add)
	m.HandleFunc("DELETE /_pileus/faults", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, []Rule{}, f.Clear(r.Context()))
	})
	m.HandleFunc("DELETE /_pileus/faults/{id}", f.remove)
	f.chaos(m)
	return m
}

func (f *Faults) add(w http.ResponseWriter, r *http.Request) {
	var rule Rule
	if !read(w, r, &rule) {
		return
	}
	rule.Origin = ""
	added, err := f.Add(r.Context(), rule)
	if err != nil {
		answer(w, 0, nil, err)
		return
	}
	answer(w, http.StatusCreated, added[0], nil)
}

func (f *Faults) remove(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	n, err := f.Remove(r.Context(), func(x Rule) bool { return x.ID == id })
	if err == nil && n == 0 {
		http.Error(w, "no fault has the id "+id, http.StatusNotFound)
		return
	}
	answer(w, http.StatusOK, f.List(), err)
}

// read decodes a request's body; ok is false when the refusal was written.
func read(w http.ResponseWriter, r *http.Request, into any) (ok bool) {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	if err := d.Decode(into); err != nil {
		http.Error(w, "the body is not the JSON that was expected: "+err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

func answer(w http.ResponseWriter, status int, v any, err error) {
	var invalid *Invalid
	switch {
	case errors.As(err, &invalid):
		http.Error(w, err.Error(), http.StatusBadRequest)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(v) // a client that has left needs no answer
	}
}
