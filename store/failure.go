package store

// failure carries an error of the medium through the code of a transaction.
type failure struct{ err error }

// Fail ends the running View or Update with err; backends use it in Get, Scan
// and the writing methods.
func Fail(err error) { panic(failure{err}) }

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
