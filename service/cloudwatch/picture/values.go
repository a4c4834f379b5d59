package picture

import "math"

// cell is the place of one of many values, side by side.
func cell(a area, i, n int) area {
	columns := max(1, min(n, int(a.width()/140)))
	rows := (n + columns - 1) / columns
	w, h := a.width()/float64(columns), a.height()/float64(rows)
	x, y := a.left+float64(i%columns)*w, a.top+float64(i/columns)*h
	return area{x, y, x + w, y + h}
}

// noValue is written where there is none.
const noValue = "--"

func (l *Line) text() string {
	if v, ok := l.Last(); ok {
		return Number(v)
	}
	return noValue
}

// singleValues writes the newest value of each line, large.
func (p *canvas) singleValues() {
	a := p.whole()
	for i := range p.chart.Lines {
		l := &p.chart.Lines[i]
		c := cell(a, i, len(p.chart.Lines))
		size := min(44, c.height()*0.5, c.width()/4)
		if size < 4 {
			return
		}
		big, err := face(p.bold, size)
		if err != nil {
			return
		}
		x, y := (c.left+c.right)/2, (c.top+c.bottom)/2
		p.write(big, ink(l.Color, i), l.text(), x, y-4, 0.5, 0)
		p.SetFontFace(p.text)
		p.write(p.text, p.ink, p.fit(l.Label, c.width()-6), x, y+textSize, 0.5, 0.5)
	}
}

// bars draws the newest value of each line as a bar.
func (p *canvas) bars() {
	c := p.chart
	a := p.legend(p.whole(), p.keys())
	s := newScale(a, c.Left, func(yield func(float64)) {
		yield(0)
		for i := range c.Lines {
			if v, ok := c.Lines[i].Last(); ok {
				yield(v)
			}
		}
	})
	a.left += p.widest(p.small, numbers(s)...) + 8
	if !a.drawable() {
		return
	}
	for _, v := range s.ticks {
		p.segment(a.left, s.y(v), a.right, s.y(v), 1, p.grid)
		p.write(p.small, p.faint, Number(v), a.left-6, s.y(v), 1, 0.35)
	}
	w := a.width() / float64(max(1, len(c.Lines)))
	for i := range c.Lines {
		v, ok := c.Lines[i].Last()
		if !ok {
			continue
		}
		x := a.left + (float64(i)+0.15)*w
		base, y := s.y(min(max(0, s.min), s.max)), s.y(v)
		p.block(area{x, min(base, y), x + 0.7*w, max(base, y)}, ink(c.Lines[i].Color, i))
		p.write(p.small, p.ink, Number(v), x+0.35*w, min(base, y)-3, 0.5, 0)
	}
	p.segment(a.left, s.y(min(max(0, s.min), s.max)), a.right, s.y(min(max(0, s.min), s.max)), 1, p.faint)
}

// gauges draws the newest value of each line on a half circle between the ends
// of the left axis.
func (p *canvas) gauges() {
	a := p.whole()
	lo, hi := 0.0, 100.0
	if p.chart.Left.Min != nil {
		lo = *p.chart.Left.Min
	}
	if p.chart.Left.Max != nil {
		hi = *p.chart.Left.Max
	}
	for i := range p.chart.Lines {
		l := &p.chart.Lines[i]
		c := cell(a, i, len(p.chart.Lines))
		r := min(c.width()/2-10, c.height()-2*textSize-12)
		if r < 10 || hi <= lo {
			return
		}
		x, y := (c.left+c.right)/2, (c.top+c.bottom+r)/2-textSize
		p.SetLineWidth(r / 4)
		p.SetLineCapButt()
		p.SetColor(p.grid)
		p.DrawArc(x, y, r*7/8, math.Pi, 2*math.Pi)
		p.Stroke()
		if v, ok := l.Last(); ok {
			part := min(max((v-lo)/(hi-lo), 0), 1)
			p.SetColor(ink(l.Color, i))
			p.DrawArc(x, y, r*7/8, math.Pi, math.Pi*(1+part))
			p.Stroke()
		}
		p.write(p.title, p.ink, l.text(), x, y-4, 0.5, 0)
		p.write(p.small, p.faint, Number(lo), x-r*7/8, y+3, 0.5, 1)
		p.write(p.small, p.faint, Number(hi), x+r*7/8, y+3, 0.5, 1)
		p.SetFontFace(p.text)
		p.write(p.text, p.ink, p.fit(l.Label, c.width()-6), x, y+textSize+8, 0.5, 0.5)
	}
}
