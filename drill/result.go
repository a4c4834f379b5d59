package drill

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Result is what came of a failure. Times are seconds since it struck.
type Result struct {
	Failure string  `json:"failure"`
	What    string  `json:"what"`
	Victim  string  `json:"victim"`
	Begin   float64 `json:"begin"` // seconds since the drill's beginning
	End     float64 `json:"end"`
	Sent    int     `json:"sent"`
	Failed  int     `json:"failed"`
	Again   int     `json:"again"` // answered, but only at the second try
	// Detect is until the cloud noticed, Shift until the last request that did
	// not get its answer at once, Recover until the application had the capacity
	// that was wanted again. -1 where there is no such time.
	Detect  float64 `json:"detect"`
	Shift   float64 `json:"shift"`
	Recover float64 `json:"recover"`
	Note    string  `json:"note,omitempty"`
}

// Availability is the share of requests that were answered, in percent.
func (r Result) Availability() float64 { return percent(r.Sent-r.Failed, r.Sent) }

func percent(part, whole int) float64 {
	if whole == 0 {
		return 100
	}
	return 100 * float64(part) / float64(whole)
}

// Report is what came of a drill.
type Report struct {
	Region   string   `json:"region"`
	Rate     int      `json:"rate"` // requests a second
	Sent     int      `json:"sent"`
	Failed   int      `json:"failed"`
	Again    int      `json:"again"`
	Visits   int      `json:"visits"` // acknowledged
	Lost     int      `json:"lost"`   // of them, not found in the end
	Results  []Result `json:"results"`
	Events   []event  `json:"events"`
	Sights   []*sight `json:"sights"`
	Requests []tally  `json:"requests"` // by second
	Reasons  []string `json:"reasons,omitempty"`
}

// tally are the requests of a second.
type tally struct {
	OK     int     `json:"ok"`
	Again  int     `json:"again"`
	Failed int     `json:"failed"`
	P99    float64 `json:"p99"` // milliseconds
}

// Availability is the share of all requests that were answered, in percent.
func (r *Report) Availability() float64 { return percent(r.Sent-r.Failed, r.Sent) }

// Print writes the report for people.
func (r *Report) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "what fails\tsent\tfailed\t2nd try\tavailable\tdetected\ttraffic shifted\trecovered\t")
	for _, x := range r.Results {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%.2f %%\t%s\t%s\t%s\t\n", x.Failure, x.Sent, x.Failed, x.Again, x.Availability(), seconds(x.Detect), seconds(x.Shift), seconds(x.Recover))
	}
	fmt.Fprintf(t, "the whole run\t%d\t%d\t%d\t%.2f %%\t\t\t\t\n", r.Sent, r.Failed, r.Again, r.Availability())
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, x := range r.Results {
		fmt.Fprintf(w, "%-9s %s: %s", x.Failure, x.What, x.Victim)
		if x.Note != "" {
			fmt.Fprintf(w, " (%s)", x.Note)
		}
		fmt.Fprintln(w)
	}
	for _, reason := range r.Reasons {
		fmt.Fprintln(w, "failed:", reason)
	}
	kept := "all of them are there"
	if r.Lost > 0 {
		kept = fmt.Sprintf("%d of them ARE LOST", r.Lost)
	}
	_, err := fmt.Fprintf(w, "\n%d visits were acknowledged, %s.\n", r.Visits, kept)
	return err
}

// seconds are a time of a Result.
func seconds(s float64) string {
	if s < 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f s", s)
}

func since(from, at time.Duration) float64 { return (at - from).Seconds() }
