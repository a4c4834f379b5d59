package picture

import (
	"fmt"
	"math"
)

// pie draws the newest value of each line as its share of all. What is not
// positive has none.
func (p *canvas) pie() {
	keys := p.keys()
	var sum float64
	for i := range p.chart.Lines {
		v, _ := p.chart.Lines[i].Last()
		sum += max(0, v)
	}
	for i := range p.chart.Lines {
		l := &p.chart.Lines[i]
		keys[i].label = l.Label + ": " + l.text()
		if v, ok := l.Last(); ok && sum > 0 {
			keys[i].label += fmt.Sprintf(" (%.1f%%)", max(0, v)/sum*100)
		}
	}
	a := p.legend(p.whole(), keys)
	r := min(a.width(), a.height())/2 - 4
	if r < 1 {
		return
	}
	x, y := (a.left+a.right)/2, (a.top+a.bottom)/2
	if sum <= 0 {
		p.SetColor(p.grid)
		p.DrawCircle(x, y, r)
		p.Fill()
		return
	}
	at := -math.Pi / 2
	for i := range p.chart.Lines {
		v, _ := p.chart.Lines[i].Last()
		angle := max(0, v) / sum * 2 * math.Pi
		if angle == 0 {
			continue
		}
		p.MoveTo(x, y)
		p.DrawArc(x, y, r, at, at+angle)
		p.ClosePath()
		p.SetColor(ink(p.chart.Lines[i].Color, i))
		p.Fill()
		at += angle
	}
}
