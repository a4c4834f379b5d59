package drill

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// run is a drill of ten seconds in which a zone fails at the fourth.
func run() *Report {
	r := &Report{Rate: 10, Sent: 100, Failed: 6, Again: 4, Visits: 5}
	for s := range 10 {
		t := tally{OK: 10}
		if s == 4 {
			t = tally{Failed: 6, Again: 4}
		}
		r.Requests = append(r.Requests, t)
		healthy := map[string]int{"us-east-1a": 2, "us-east-1b": 2}
		if s > 4 {
			healthy = map[string]int{"us-east-1a": 0, "us-east-1b": 4}
		}
		r.Sights = append(r.Sights, &sight{At: time.Duration(s)*time.Second + 500*time.Millisecond, Healthy: healthy})
	}
	r.Results = []Result{{Failure: "zone", What: "a zone goes dark", Victim: "us-east-1a", Begin: 4, End: 9, Sent: 60, Failed: 6, Again: 4, Detect: 0.5, Shift: 0.9, Recover: 1.5}}
	return r
}

func TestTimelineShowsWhatFailedAndWhere(t *testing.T) {
	var b strings.Builder
	run().Timeline(&b, 100)
	want := []string{
		"                Z",
		"answered/s  ████▃█████",
		"failed/s        ▅",
		"healthy a   2222200000",
		"healthy b   2222244444",
	}
	got := strings.Split(b.String(), "\n")
	for i, line := range want {
		if got[i] != line {
			t.Errorf("line %d is %q, want %q", i, got[i], line)
		}
	}
}

func TestReportSaysWhatWasLost(t *testing.T) {
	r := run()
	r.Lost = 2
	var b strings.Builder
	if err := r.Print(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"94.00 %", "90.00 %", "0.5 s", "1.5 s", "2 of them ARE LOST"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, b.String())
		}
	}
}

func TestSVGIsWellFormed(t *testing.T) {
	var b strings.Builder
	if err := run().SVG(&b); err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(strings.NewReader(b.String()))
	shapes := map[string]int{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok {
			shapes[e.Name.Local]++
		}
	}
	if shapes["polygon"] != 2 || shapes["polyline"] != 2 {
		t.Errorf("it has %d areas and %d lines, want 2 and 2", shapes["polygon"], shapes["polyline"])
	}
}

func TestEventsAreWhatChanged(t *testing.T) {
	before := &sight{answers: true, alarm: "OK", targets: map[string]string{"i-1": "healthy", "i-2": "healthy"}, instances: map[string]member{"i-1": {Zone: "a", State: "InService"}}}
	after := &sight{answers: true, alarm: "ALARM", targets: map[string]string{"i-1": "unhealthy", "i-3": "initial"}, instances: map[string]member{"i-1": {Zone: "a", State: "Terminating"}}}
	var got []string
	for _, e := range after.since(before) {
		got = append(got, e.Kind+": "+e.What)
	}
	want := []string{
		"target: i-1 in a is unhealthy", "target: i-3 in an unknown zone is initial", "target: i-2 in an unknown zone is no target any more",
		"group: i-1 in a: Terminating", "alarm: ALARM",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestUnknownFailureIsRefused(t *testing.T) {
	if _, err := choose([]string{"zone", "moon"}); err == nil || !strings.Contains(err.Error(), `"moon"`) {
		t.Errorf("err = %v", err)
	}
}
