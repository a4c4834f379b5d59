package picture

import "image/color"

// noteColor is that of annotations that say none.
const noteColor = "#d13212"

func noteInk(name string) color.NRGBA {
	if c, ok := hex(name); ok {
		return c
	}
	c, _ := hex(noteColor)
	return c
}

// levelScale is that of the axis that a level goes by.
func (d *plot) levelScale(l *Level) *scale {
	if l.Right && d.right != nil {
		return d.right
	}
	return d.left
}

// fills draws what annotations fill, behind all lines.
func (d *plot) fills() {
	for i := range d.chart.Levels {
		l := &d.chart.Levels[i]
		s := d.levelScale(l)
		y, to := s.y(l.Value), s.y(l.Value)
		switch {
		case l.To != nil:
			to = s.y(*l.To)
		case l.Fill == "above":
			to = d.top
		case l.Fill == "below":
			to = d.bottom
		}
		d.block(area{d.area.left, min(y, to), d.area.right, max(y, to)}, pale(noteInk(l.Color), 0x28))
	}
	for i := range d.chart.Moments {
		m := &d.chart.Moments[i]
		x, to := d.x(m.At), d.x(m.At)
		switch {
		case m.To != nil:
			to = d.x(*m.To)
		case m.Fill == "before":
			to = d.area.left
		case m.Fill == "after":
			to = d.area.right
		}
		d.block(area{min(x, to), d.top, max(x, to), d.bottom}, pale(noteInk(m.Color), 0x28))
	}
}

// notes draws the lines of annotations and their labels, above all lines.
func (d *plot) notes() {
	for i := range d.chart.Levels {
		l := &d.chart.Levels[i]
		d.level(l, l.Value, l.Label)
		if l.To != nil {
			d.level(l, *l.To, "")
		}
	}
	for i := range d.chart.Moments {
		m := &d.chart.Moments[i]
		d.moment(m, m.At, m.Label)
		if m.To != nil {
			d.moment(m, *m.To, "")
		}
	}
}

func (d *plot) level(l *Level, v float64, label string) {
	y := d.levelScale(l).y(v)
	if y < d.top || y > d.bottom {
		return
	}
	c := noteInk(l.Color)
	d.segment(d.area.left, y, d.area.right, y, 1.2, c)
	d.SetFontFace(d.small)
	d.write(d.small, c, d.fit(label, d.area.width()), d.area.left+4, y-3, 0, 0)
}

func (d *plot) moment(m *Moment, t int64, label string) {
	x := d.x(t)
	if x < d.area.left || x > d.area.right {
		return
	}
	c := noteInk(m.Color)
	d.segment(x, d.top, x, d.bottom, 1.2, c)
	d.SetFontFace(d.small)
	room := d.area.right - x - 4
	if room > 40 {
		d.write(d.small, c, d.fit(label, room), x+4, d.top+smallSize, 0, 0)
		return
	}
	d.write(d.small, c, d.fit(label, x-d.area.left-4), x-4, d.top+smallSize, 1, 0)
}
