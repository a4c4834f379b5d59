package store

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// Wake is a controller's appointment with a key. The zero At is due at once.
type Wake struct {
	At         time.Time
	Controller string
	Key        Key
}

// Wakes are two kinds of rows: by time, which the runner reads, and by
// controller and key, which After reads. The second holds the time at which
// the appointment stands and, where one was asked for since, a follow-up.
//
// The follow-up is what makes the runner's loop sound. While a controller
// works on a key, its wake is still there, so that a crash repeats it; what is
// asked for meanwhile, by others or by the controller itself, must neither be
// lost when the wake is done nor make it fire again before its time.
const (
	wakeTimes = "~wake.time/"
	wakeKeys  = "~wake.key/"
)

func wakeTimeRow(w Wake) []byte {
	return append(K(w.At, w.Controller).Append([]byte(wakeTimes)), w.Key.Append(nil)...)
}

func wakeKeyRow(w Wake) []byte {
	return append(K(w.Controller).Append([]byte(wakeKeys)), w.Key.Append(nil)...)
}

// AddWake asks that the controller look at w.Key at w.At. An earlier
// appointment stands, and this one follows it. Backends implement Tx.After
// with it; added tells whether a runner has to hear of it.
func AddWake(tx Tx, w Wake) (added bool) {
	row := wakeKeyRow(w)
	b, ok := tx.Get(row)
	if !ok {
		tx.Put(row, wakeValue(nanos(w.At)))
		tx.Put(wakeTimeRow(w), nil)
		return true
	}
	at, follow, hasFollow := parseWake(b)
	ask := nanos(w.At)
	switch {
	case ask < at:
		tx.Delete(wakeTimeRow(Wake{wakeTime(at), w.Controller, w.Key}))
		tx.Put(wakeTimeRow(w), nil)
		tx.Put(row, wakeValue(ask))
		return true
	case !hasFollow || ask < follow:
		tx.Put(row, wakeValue(at, ask))
	}
	return false
}

// DoneWake removes a wake that has been served, or puts its follow-up in its
// place. A wake that has been moved to another time meanwhile stays.
func DoneWake(tx Tx, w Wake) {
	row := wakeKeyRow(w)
	b, ok := tx.Get(row)
	if !ok {
		return
	}
	at, follow, hasFollow := parseWake(b)
	if at != nanos(w.At) {
		return
	}
	tx.Delete(wakeTimeRow(w))
	if !hasFollow {
		tx.Delete(row)
		return
	}
	tx.Put(row, wakeValue(follow))
	tx.Put(wakeTimeRow(Wake{wakeTime(follow), w.Controller, w.Key}), nil)
}

// Wakes are the appointments up to and including until, earliest first, at
// most limit of them.
func Wakes(r Reader, until time.Time, limit int) []Wake {
	var due []Wake
	from := []byte(wakeTimes)
	to := Next(K(until).Append([]byte(wakeTimes)))
	if limit <= 0 {
		return nil
	}
	for k := range r.Scan(Range{From: from, To: to}) {
		if due = append(due, parseWakeRow(k)); len(due) == limit {
			break
		}
	}
	return due
}

// NextWake is the time of the earliest appointment.
func NextWake(r Reader) (at time.Time, ok bool) {
	from := []byte(wakeTimes)
	for k := range r.Scan(Range{From: from, To: Next(from)}) {
		return parseWakeRow(k).At, true
	}
	return time.Time{}, false
}

// wakeValue holds one or two times, in nanoseconds.
func wakeValue(times ...int64) []byte {
	b := make([]byte, 0, 16)
	for _, t := range times {
		b = binary.BigEndian.AppendUint64(b, uint64(t))
	}
	return b
}

func parseWake(b []byte) (at, follow int64, hasFollow bool) {
	switch len(b) {
	case 8:
		return int64(binary.BigEndian.Uint64(b)), 0, false
	case 16:
		return int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint64(b[8:])), true
	}
	panic(failure{fmt.Errorf("store: a wake-up of %d bytes", len(b))})
}

func parseWakeRow(row []byte) Wake {
	k, err := ParseKey(row[len(wakeTimes):])
	if err != nil || len(k) < 2 {
		panic(failure{fmt.Errorf("store: malformed wake-up: %w", errKey)})
	}
	at, isTime := k[0].(time.Time)
	controller, isString := k[1].(string)
	if !isTime || !isString {
		panic(failure{fmt.Errorf("store: malformed wake-up: %w", errKey)})
	}
	return Wake{At: wakeTime(nanos(at)), Controller: controller, Key: k[2:]}
}

// wakeTime is the inverse of nanos, to which the zero time is the beginning of
// time.
func wakeTime(n int64) time.Time {
	if n == math.MinInt64 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// Appointment is the wake that stands for a controller and key.
func Appointment(r Reader, controller string, key Key) (w Wake, ok bool) {
	w = Wake{Controller: controller, Key: key}
	b, ok := r.Get(wakeKeyRow(w))
	if ok {
		at, _, _ := parseWake(b)
		w.At = wakeTime(at)
	}
	return w, ok
}
