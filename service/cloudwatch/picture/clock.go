package picture

import "time"

// tick is a time along the axis and what is written there.
type tick struct {
	at   int64
	text string
}

// clockTicks are round times of a range, so many at most.
func clockTicks(from, to int64, zone *time.Location, most int) (list []tick) {
	const minute, hour, day = 60, 3600, 86400
	if to <= from || most < 1 {
		return nil
	}
	step := int64(day)
	for _, s := range []int64{1, 5, 10, 30, minute, 2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute, hour, 2 * hour, 3 * hour, 6 * hour, 12 * hour, day} {
		if step = s; (to-from)/s <= int64(most) {
			break
		}
	}
	for (to-from)/step > int64(most) {
		step *= 2
	}
	form := "15:04"
	switch {
	case step < minute:
		form = "15:04:05"
	case step >= day:
		form = "01/02"
	}
	_, offset := time.Unix(from, 0).In(zone).Zone()
	shift := int64(offset)
	for t := (from + shift + step - 1) / step * step; t-shift <= to; t += step {
		at := time.Unix(t-shift, 0).In(zone)
		text := at.Format(form)
		if step < day && step >= minute && at.Hour() == 0 && at.Minute() == 0 {
			text = at.Format("01/02")
		}
		list = append(list, tick{t - shift, text})
	}
	return list
}
