package cloudwatch

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
)

// How an alarm takes periods without data.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
const (
	treatMissing      = "missing"
	treatIgnore       = "ignore"
	treatBreaching    = "breaching"
	treatNotBreaching = "notBreaching"
)

// comparison is how an alarm compares: with its threshold, or with the edges
// of a band.
type comparison struct {
	words    string
	band     bool
	breaches func(x *reading, threshold float64) bool
}

var comparisons = map[string]comparison{
	api.ComparisonOperatorGreaterThanThreshold:                     {"greater than", false, func(x *reading, t float64) bool { return x.value > t }},
	api.ComparisonOperatorGreaterThanOrEqualToThreshold:            {"greater than or equal to", false, func(x *reading, t float64) bool { return x.value >= t }},
	api.ComparisonOperatorLessThanThreshold:                        {"less than", false, func(x *reading, t float64) bool { return x.value < t }},
	api.ComparisonOperatorLessThanOrEqualToThreshold:               {"less than or equal to", false, func(x *reading, t float64) bool { return x.value <= t }},
	api.ComparisonOperatorGreaterThanUpperThreshold:                {"greater than the upper", true, func(x *reading, _ float64) bool { return x.value > x.over }},
	api.ComparisonOperatorLessThanLowerThreshold:                   {"less than the lower", true, func(x *reading, _ float64) bool { return x.value < x.lower }},
	api.ComparisonOperatorLessThanLowerOrGreaterThanUpperThreshold: {"less than the lower or greater than the upper", true, func(x *reading, _ float64) bool { return x.value < x.lower || x.value > x.over }},
}

// judge decides the state. Where enough periods have data, the missing ones are
// passed over for older ones; where not, they count as the alarm says.
func (a *alarm) judge(c *cloud.Call, w window) (v verdict, err error) {
	n := int(*a.EvaluationPeriods)
	m := int(cloud.Or(a.DatapointsToAlarm, *a.EvaluationPeriods))
	var real, breaching, fine []*reading
	age, few := 0, false // of the oldest, in periods
	for i, x := range w.seen {
		if x == nil || len(real) == n {
			continue
		}
		real, age, few = append(real, x), i+1, few || a.few(x)
		if comparisons[*a.ComparisonOperator].breaches(x, cloud.Or(a.Threshold, 0)) {
			breaching = append(breaching, x)
		} else {
			fine = append(fine, x)
		}
	}
	v = verdict{threshold: a.Threshold, evaluation: w.evaluation, value: w.newest()}
	over, gaps := len(breaching), n-len(real)
	how := cloud.Or(a.TreatMissingData, treatMissing)
	switch {
	case few, w.evaluation != nil && *w.evaluation != api.EvaluationStatePartialData:
		v.state = *a.StateValue
	case over >= m, how == treatBreaching && over+gaps >= m:
		v.state, v.reason = api.StateValueAlarm, a.crossed(breaching, n, gaps, m, "")
	case len(real) == 0 && how == treatMissing:
		v.state, v.reason = api.StateValueInsufficientData, fmt.Sprintf("Insufficient Data: %d datapoint%s %s unknown.", n, plural(n), were(n))
	case gaps > 0 && how == treatIgnore && (len(real) == 0 || over+gaps >= m):
		v.state = *a.StateValue
	case how == treatMissing && over == len(real) && over+gaps >= m && age >= m:
		v.state, v.reason = api.StateValueAlarm, a.crossed(breaching, n, gaps, m, "")
	case how == treatMissing && over == len(real) && over+gaps >= m:
		v.state = *a.StateValue // it is too early to tell
	default:
		v.state, v.reason = api.StateValueOk, a.crossed(fine, n, gaps, max(1, n-m+1), "not ")
	}
	if v.state != *a.StateValue {
		v.data, err = a.reasonData(c, real)
	}
	return v, err
}

// listed is up to how many data points a reason lists within its sentence.
const listed = 3

// crossed words the reason of a state, which some of the last n data points
// have brought about.
func (a *alarm) crossed(list []*reading, n, gaps, need int, not string) string {
	if len(list) == 0 {
		how := "Breaching"
		if not != "" {
			how = "NonBreaching"
		}
		return fmt.Sprintf("Threshold Crossed: no datapoints were received for %d period%s and %d missing datapoint%s %s treated as [%s].",
			gaps, plural(gaps), gaps, plural(gaps), were(gaps), how)
	}
	change := "OK -> ALARM"
	if not != "" {
		change = "ALARM -> OK"
	}
	points := make([]string, 0, len(list))
	for _, x := range list[:min(len(list), 5)] {
		points = append(points, decimal(x.value)+" ("+time.Unix(x.at, 0).UTC().Format("02/01/06 15:04:05")+")")
	}
	all := strings.Join(points, ", ")
	than, head := a.than(list), "Threshold"
	if comparisons[*a.ComparisonOperator].band {
		head = "Thresholds"
	}
	need1 := fmt.Sprintf("(minimum %d datapoint%s for %s transition)", need, plural(need), change)
	if len(list) <= listed {
		return fmt.Sprintf("%s Crossed: %d out of the last %d datapoints [%s] %s %s%s %s.", head, len(list), n, all, were(len(list)), not, than, need1)
	}
	return fmt.Sprintf("%s Crossed: %d out of the last %d datapoints %s %s%s. The most recent datapoints which crossed the threshold: [%s] %s.", head, len(list), n, were(len(list)), not, than, all, need1)
}

// than words what data points are compared with.
func (a *alarm) than(list []*reading) string {
	cmp := comparisons[*a.ComparisonOperator]
	if !cmp.band {
		return fmt.Sprintf("%s the threshold (%s)", cmp.words, decimal(cloud.Or(a.Threshold, 0)))
	}
	var lower, over []string
	for _, x := range list[:min(len(list), 5)] {
		lower, over = append(lower, decimal(x.lower)), append(over, decimal(x.over))
	}
	edges := map[string]string{
		api.ComparisonOperatorGreaterThanUpperThreshold: "[" + strings.Join(over, ", ") + "]",
		api.ComparisonOperatorLessThanLowerThreshold:    "[" + strings.Join(lower, ", ") + "]",
	}
	if e, ok := edges[*a.ComparisonOperator]; ok {
		return cmp.words + " thresholds " + e
	}
	return fmt.Sprintf("less than the lower thresholds [%s] or greater than the upper thresholds [%s]", strings.Join(lower, ", "), strings.Join(over, ", "))
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

func were(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// decimal writes a number as CloudWatch does: always with a point, and with an
// exponent from ten millions on.
func decimal(v float64) string {
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if abs := max(v, -v); abs >= 1e7 || abs < 1e-3 && abs > 0 {
		s = strings.Replace(strings.Replace(strconv.FormatFloat(v, 'E', -1, 64), "E+0", "E", 1), "E-0", "E-", 1)
		s = strings.Replace(s, "E+", "E", 1)
		if !strings.Contains(s, ".") {
			s = strings.Replace(s, "E", ".0E", 1)
		}
		return s
	}
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// number is a float that JSON writes as decimal does.
type jsonNumber float64

// MarshalJSON implements json.Marshaler.
func (n jsonNumber) MarshalJSON() ([]byte, error) { return []byte(decimal(float64(n))), nil }

// reasonJSON is StateReasonData.
type reasonJSON struct {
	Version   string        `json:"version"`
	QueryDate string        `json:"queryDate"`
	StartDate string        `json:"startDate,omitempty"`
	Unit      *string       `json:"unit,omitempty"`
	Statistic string        `json:"statistic,omitempty"`
	Period    int64         `json:"period"`
	Recent    []jsonNumber  `json:"recentDatapoints"`
	Lower     []jsonNumber  `json:"recentLowerThresholds,omitempty"`
	Upper     []jsonNumber  `json:"recentUpperThresholds,omitempty"`
	Threshold *jsonNumber   `json:"threshold,omitempty"`
	Evaluated []readingJSON `json:"evaluatedDatapoints"`
}

type readingJSON struct {
	Timestamp string      `json:"timestamp"`
	Samples   *jsonNumber `json:"sampleCount,omitempty"`
	Value     jsonNumber  `json:"value"`
}

// told is how many data points the data of a reason tell, which have little
// room.
const told = 10

// reasonData is what led to a state, as JSON.
func (a *alarm) reasonData(c *cloud.Call, real []*reading) (string, error) {
	data := reasonJSON{Version: "1.0", QueryDate: c.Now.UTC().Format(historyTime), Unit: a.Unit, Statistic: a.statistic(), Period: a.period(), Recent: []jsonNumber{}, Evaluated: []readingJSON{}}
	if a.Threshold != nil {
		data.Threshold = new(jsonNumber(*a.Threshold))
	}
	real = real[:min(len(real), told)]
	for i := len(real) - 1; i >= 0; i-- {
		data.Recent = append(data.Recent, jsonNumber(real[i].value))
		if comparisons[*a.ComparisonOperator].band {
			data.Lower, data.Upper = append(data.Lower, jsonNumber(real[i].lower)), append(data.Upper, jsonNumber(real[i].over))
		}
	}
	for _, x := range real {
		p := readingJSON{Timestamp: historyStamp(x.at), Value: jsonNumber(x.value)}
		if x.samples > 0 {
			p.Samples = new(jsonNumber(x.samples))
		}
		data.Evaluated = append(data.Evaluated, p)
	}
	if len(real) > 0 {
		data.StartDate = historyStamp(real[len(real)-1].at)
	}
	b, err := json.Marshal(data)
	return string(b), err
}

const historyTime = "2006-01-02T15:04:05.000-0700"

func historyStamp(at int64) string { return time.Unix(at, 0).UTC().Format(historyTime) }
