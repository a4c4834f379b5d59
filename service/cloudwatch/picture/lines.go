package picture

import "image/color"

// plot is where time series are drawn, with its scales.
type plot struct {
	*canvas
	area
	outer       area // with the axes
	left, right *scale
	stacks      [2]*stack // by side, where they are stacked
}

// timeSeries draws lines or areas over time.
func (p *canvas) timeSeries() {
	a := p.legend(p.whole(), p.keys())
	if !a.drawable() {
		return
	}
	d := &plot{canvas: p}
	if p.chart.Stacked {
		d.stacks = [2]*stack{pile(p.chart.Lines, false), pile(p.chart.Lines, true)}
	}
	d.layOut(a)
	if !d.drawable() {
		return
	}
	d.axes()
	p.DrawRectangle(d.area.left, d.top, d.area.width(), d.height())
	p.Clip()
	d.fills()
	d.bands()
	for i := range p.chart.Lines {
		d.line(i)
	}
	p.ResetClip()
	d.notes()
}

func (d *plot) scaleOf(right bool) *scale {
	if right {
		return d.right
	}
	return d.left
}

func (d *plot) x(t int64) float64 {
	c := d.chart
	return d.area.left + float64(t-c.From)/float64(max(1, c.To-c.From))*d.area.width()
}

// line draws a series: as a line that is broken where values are missing, as
// points where they stand alone, or as its part of a stack.
func (d *plot) line(i int) {
	l := &d.chart.Lines[i]
	s, c := d.scaleOf(l.Right), ink(l.Color, i)
	if d.chart.Stacked {
		side := 0
		if l.Right {
			side = 1
		}
		d.layer(d.stacks[side], i, s, c)
		return
	}
	for start := 0; start < len(l.Times); {
		end := start + 1
		for end < len(l.Times) && (l.Period <= 0 || l.Times[end]-l.Times[end-1] <= l.Period) {
			end++
		}
		d.run(l, start, end, s, c)
		start = end
	}
}

// run draws the values from start to end, which follow each other.
func (d *plot) run(l *Line, start, end int, s *scale, c color.Color) {
	d.SetColor(c)
	if end-start == 1 {
		d.DrawCircle(d.x(l.Times[start]), s.y(l.Values[start]), 2)
		d.Fill()
		return
	}
	d.SetLineWidth(1.7)
	for i := start; i < end; i++ {
		d.LineTo(d.x(l.Times[i]), s.y(l.Values[i]))
	}
	d.Stroke()
}

// bands draws the areas of what is to be expected, behind the lines.
func (d *plot) bands() {
	for i := range d.chart.Bands {
		b := &d.chart.Bands[i]
		s := d.scaleOf(b.Right)
		c, ok := hex(b.Color)
		if !ok {
			c = color.NRGBA{0x95, 0xa5, 0xa6, 0xff}
		}
		for j := range b.Times {
			d.LineTo(d.x(b.Times[j]), s.y(b.Upper[j]))
		}
		for j := len(b.Times) - 1; j >= 0; j-- {
			d.LineTo(d.x(b.Times[j]), s.y(b.Lower[j]))
		}
		d.ClosePath()
		d.SetColor(pale(c, 0x60))
		d.Fill()
	}
}
