package cloud

import "time"

// Metric is a data point that a service publishes of what it does, in a
// namespace of AWS's ("AWS/EC2").
type Metric struct {
	Account, Region string
	Namespace, Name string
	Dimensions      []Dimension
	Unit            string    // as CloudWatch names it: "Percent", "Bytes", "Count"
	At              time.Time // the beginning of what it covers; zero: the minute that has ended
	// Values were seen, each as often as Counts says; nil: once each. A sum over
	// the minute is one value.
	Values, Counts []float64
	// High tells that it is kept in seconds, not minutes.
	High bool
}

// Dimension is a name and a value that tell metrics of one name apart.
type Dimension struct{ Name, Value string }
