package drill

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Timeline draws the drill for a terminal of so many columns: requests that were
// answered and failed, healthy targets of each zone, and what struck when.
func (r *Report) Timeline(w io.Writer, columns int) {
	length := max(len(r.Requests), 1)
	columns = max(min(columns-labelWidth, length), 10)
	step := float64(length) / float64(columns)
	row := func(label string, cell func(from, to int) string) {
		var b strings.Builder
		for c := range columns {
			b.WriteString(cell(int(float64(c)*step), max(int(float64(c+1)*step), int(float64(c)*step)+1)))
		}
		fmt.Fprintf(w, "%-*s%s\n", labelWidth, label, strings.TrimRight(b.String(), " "))
	}
	row("", func(from, to int) string { return r.mark(from, to) })
	row("answered/s", func(from, to int) string {
		return bar(r.rate(from, to, func(t tally) int { return t.OK + t.Again }), float64(r.Rate))
	})
	row("failed/s", func(from, to int) string {
		return bar(r.rate(from, to, func(t tally) int { return t.Failed }), float64(r.Rate))
	})
	for _, zone := range r.zones() {
		row("healthy "+zone[len(zone)-1:], func(from, to int) string { return r.healthy(zone, from, to) })
	}
	fmt.Fprintf(w, "%-*s0 s%*s\n", labelWidth, "", max(columns-3, 1), fmt.Sprintf("%d s", length))
	for _, x := range r.Results {
		fmt.Fprintf(w, "%-*s%s = %s, at %.0f s\n", labelWidth, "", letter(x.Failure), x.What, x.Begin)
	}
}

const labelWidth = 12

// letter stands for a failure.
func letter(name string) string { return strings.ToUpper(name[:1]) }

func (r *Report) mark(from, to int) string {
	for _, x := range r.Results {
		if int(x.Begin) >= from && int(x.Begin) < to {
			return letter(x.Failure)
		}
	}
	return " "
}

// rate is the mean of a count over some seconds.
func (r *Report) rate(from, to int, count func(tally) int) float64 {
	n, sum := 0, 0
	for i := from; i < to && i < len(r.Requests); i++ {
		n, sum = n+1, sum+count(r.Requests[i])
	}
	return float64(sum) / float64(max(n, 1))
}

// bar is a value as a block of an eighth of a line's height or more; anything
// above nothing can be seen.
func bar(v, full float64) string {
	if v <= 0 {
		return " "
	}
	blocks := []rune("▁▂▃▄▅▆▇█")
	return string(blocks[max(0, min(len(blocks)-1, int(v/full*float64(len(blocks))+0.5)-1))])
}

// zones are those that targets were seen in.
func (r *Report) zones() []string {
	seen := map[string]bool{}
	for _, s := range r.Sights {
		for z := range s.Healthy {
			seen[z] = z != ""
		}
	}
	delete(seen, "")
	return slices.Sorted(maps.Keys(seen))
}

// healthy is how many targets of a zone were healthy at the end of some seconds.
func (r *Report) healthy(zone string, from, to int) string {
	for i := len(r.Sights) - 1; i >= 0; i-- {
		s := r.Sights[i]
		if s.At >= time.Duration(to)*time.Second {
			continue
		}
		if s.At < time.Duration(from)*time.Second {
			return "?" // nobody could be asked
		}
		return fmt.Sprint(min(s.Healthy[zone], 9))
	}
	return " "
}
