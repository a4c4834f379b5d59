package drill

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

// The drawing's measures in pixels.
const (
	svgWidth  = 1200
	plotLeft  = 70
	plotRight = 1180
	plotTop   = 84 // requests
	plotBase  = 264
	laneTop   = 300 // healthy targets
	laneBase  = 400
	rowsTop   = 446 // lines of text
	rowHeight = 18
)

var colours = []string{"#0b7285", "#e67700", "#5f3dc4", "#2b8a3e"}

// drawing writes SVG and remembers the first failure.
type drawing struct {
	w   io.Writer
	err error
}

func (d *drawing) put(format string, args ...any) {
	if d.err == nil {
		_, d.err = fmt.Fprintf(d.w, format+"\n", args...)
	}
}

// text writes a line of text at a point.
func (d *drawing) text(x, y int, attributes, s string) {
	var b strings.Builder
	d.err = first(d.err, xml.EscapeText(&b, []byte(s)))
	d.put(`<text x="%d" y="%d" %s>%s</text>`, x, y, attributes, b.String())
}

func first(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}

// SVG draws the drill: requests answered and failed in each second, healthy
// targets by zone, and each failure's span.
func (r *Report) SVG(w io.Writer) error {
	d := &drawing{w: w}
	height := rowsTop + rowHeight*len(r.Results)
	d.put(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="system-ui, sans-serif" font-size="12" fill="#495057">`, svgWidth, height)
	d.put(`<rect width="100%%" height="100%%" fill="#ffffff"/>`)
	d.text(plotLeft, 28, `font-size="20" font-weight="600" fill="#212529"`, "What happens when ___ fails?")
	d.text(plotLeft, 48, "", fmt.Sprintf("%d requests at %d a second, %d failed: %.2f %% answered", r.Sent, r.Rate, r.Failed, r.Availability()))
	r.drawFailures(d)
	r.drawRequests(d)
	r.drawLanes(d)
	for s := 0; s <= len(r.Requests); s += niceStep(len(r.Requests)) {
		d.text(r.x(float64(s)), laneBase+16, `text-anchor="middle"`, fmt.Sprintf("%d s", s))
	}
	for i, f := range r.Results {
		d.text(plotLeft, rowsTop+rowHeight*i, `fill="#212529"`, fmt.Sprintf("%s: %s. %d of %d requests failed; detected %s, traffic shifted %s, recovered %s",
			f.Failure, f.What, f.Failed, f.Sent, seconds(f.Detect), seconds(f.Shift), seconds(f.Recover)))
	}
	d.put(`</svg>`)
	return d.err
}

// x is where a second of the drill lies.
func (r *Report) x(second float64) int {
	return plotLeft + int(second/float64(max(len(r.Requests), 1))*(plotRight-plotLeft))
}

func (r *Report) drawFailures(d *drawing) {
	for _, f := range r.Results {
		from, to := r.x(f.Begin), r.x(f.End)
		d.put(`<rect x="%d" y="64" width="%d" height="%d" fill="#f1f3f5"/>`, from, to-from, laneBase-64)
		d.put(`<line x1="%d" x2="%[1]d" y1="64" y2="%d" stroke="#c92a2a" stroke-dasharray="4 3"/>`, from, laneBase)
		d.text((from+to)/2, 78, `text-anchor="middle" fill="#c92a2a"`, f.Failure)
	}
}

func (r *Report) drawRequests(d *drawing) {
	d.put(`<polygon points="%s" fill="#69db7c"/>`, r.area(func(t tally) int { return t.OK + t.Again }))
	d.put(`<polygon points="%s" fill="#e03131"/>`, r.area(func(t tally) int { return t.Failed }))
	d.put(`<line x1="%d" x2="%d" y1="%d" y2="%[3]d" stroke="#868e96"/>`, plotLeft, plotRight, plotBase)
	d.text(plotLeft-8, plotTop+18, `text-anchor="end"`, fmt.Sprintf("%d/s", r.Rate))
	d.text(plotLeft-8, plotBase, `text-anchor="end"`, "0")
	d.text(plotRight, plotBase+20, `text-anchor="end"`, "requests answered (green) and failed (red) in each second")
}

// area is the outline of a count by seconds, upon the base line.
func (r *Report) area(count func(tally) int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d,%d", plotLeft, plotBase)
	for s, t := range r.Requests {
		y := plotBase - int(float64(count(t))/float64(max(r.Rate, 1))*(plotBase-plotTop)*0.9)
		fmt.Fprintf(&b, " %d,%d %d,%d", r.x(float64(s)), y, r.x(float64(s+1)), y)
	}
	fmt.Fprintf(&b, " %d,%d", plotRight, plotBase)
	return b.String()
}

func (r *Report) drawLanes(d *drawing) {
	most := 1
	for _, s := range r.Sights {
		for _, n := range s.Healthy {
			most = max(most, n)
		}
	}
	for i, zone := range r.zones() {
		colour := colours[i%len(colours)]
		d.put(`<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`, r.steps(zone, most), colour)
		d.text(plotLeft+8+220*i, laneTop+14, fmt.Sprintf("fill=%q", colour), "healthy targets in "+zone)
	}
	d.put(`<line x1="%d" x2="%d" y1="%d" y2="%[3]d" stroke="#868e96"/>`, plotLeft, plotRight, laneBase)
}

// steps is the line of a zone's healthy targets, of most at most.
func (r *Report) steps(zone string, most int) string {
	var b strings.Builder
	last := -1
	for i, s := range r.Sights {
		x, y := r.x(s.At.Seconds()), laneBase-s.Healthy[zone]*(laneBase-laneTop)/(most+1)
		if last >= 0 && last != y {
			fmt.Fprintf(&b, "%d,%d ", x, last)
		}
		if last != y || i == len(r.Sights)-1 {
			fmt.Fprintf(&b, "%d,%d ", x, y)
		}
		last = y
	}
	return strings.TrimSpace(b.String())
}

// niceStep is how many seconds lie between the ticks of an axis.
func niceStep(length int) int {
	for _, s := range []int{5, 10, 15, 30, 60, 120, 300} {
		if length/s <= 20 {
			return s
		}
	}
	return int((10 * time.Minute).Seconds())
}
