package store

import "errors"

// failure carries an error of the medium through the code of a transaction.
type failure struct{ err error }

// Fail ends the running View or Update with err; backends use it in Get, Scan
// and the writing methods.
func Fail(err error) { panic(failure{err}) }

// ErrAgain is what Again ends a run with. It is returned by View and Update
// only when running again did not help.
var ErrAgain = errors.New("store: what the snapshot names is no longer there")

// Again ends the running View or Update and has it run anew on a fresh
// snapshot: for what lies outside of the store and has gone the way of a
// record that the snapshot still shows.
func Again() { Fail(ErrAgain) }

// Guard runs f and returns what Fail was given, if it was called. Backends
// wrap the functions that they run with it.
func Guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			x, ok := p.(failure)
			if !ok {
				panic(p)
			}
			err = x.err
		}
	}()
	return f()
}
