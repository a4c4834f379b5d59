package cloudwatch

import (
	"regexp"
	"strconv"
	"time"
)

// isoDuration is a duration back in time: -PT3H, -P7D, -P1M2DT12H.
var isoDuration = regexp.MustCompile(`^-P(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,9})S)?)?$`)

// pointInTime is a time that is written down as such, or as a duration before
// now.
func pointInTime(text string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	m := isoDuration.FindStringSubmatch(text)
	if m == nil || text == "-P" {
		return now, badValue(text, "start or end")
	}
	var n [7]int
	for i := range n {
		if m[i+1] != "" {
			v, err := strconv.Atoi(m[i+1])
			if err != nil {
				return now, badValue(text, "start or end")
			}
			n[i] = v
		}
	}
	return now.AddDate(-n[0], -n[1], -7*n[2]-n[3]).Add(-time.Duration(n[4]*3600+n[5]*60+n[6]) * time.Second), nil
}
