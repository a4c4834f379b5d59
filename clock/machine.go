package clock

import "time"

// Machine is the computer's own time, in UTC and without the monotonic reading
// that would make two times of the same instant differ.
func Machine() time.Time { return time.Now().Round(0).UTC() }

// Stopwatch measures how long something took, by the machine's monotonic
// time, whatever the cloud's clock does meanwhile.
type Stopwatch struct{ start time.Time }

// Start starts a stopwatch.
func Start() Stopwatch { return Stopwatch{time.Now()} }

// Elapsed is how long ago it was started.
func (s Stopwatch) Elapsed() time.Duration { return time.Since(s.start) }
