package picture

// layOut finds the place of the plot between its axes.
func (d *plot) layOut(a area) {
	d.outer = a
	bottom := a.bottom - smallSize - 8
	inner := area{a.left, a.top + 4, a.right, bottom}
	d.left = newScale(inner, d.chart.Left, d.values(false))
	a.left += d.widest(d.small, numbers(d.left)...) + 8
	if d.chart.Left.Label != "" {
		a.left += smallSize + 6
	}
	if d.hasRight() {
		d.right = newScale(inner, d.chart.Right, d.values(true))
		a.right -= d.widest(d.small, numbers(d.right)...) + 8
		if d.chart.Right.Label != "" {
			a.right -= smallSize + 6
		}
	} else {
		a.right -= 6 // half of a time may stand out
	}
	d.area = area{a.left, inner.top, a.right, bottom}
}

func (d *plot) hasRight() bool {
	for _, l := range d.chart.Lines {
		if l.Right {
			return true
		}
	}
	for _, b := range d.chart.Bands {
		if b.Right {
			return true
		}
	}
	return false
}

func numbers(s *scale) (list []string) {
	for _, t := range s.ticks {
		list = append(list, Number(t))
	}
	return list
}

// values are all that a side's scale has to cover: of areas, from nought.
func (d *plot) values(right bool) func(yield func(float64)) {
	return func(yield func(float64)) {
		c := d.chart
		for i := range c.Lines {
			if c.Lines[i].Right != right {
				continue
			}
			list := c.Lines[i].Values
			if c.Stacked {
				side := 0
				if right {
					side = 1
				}
				list = d.stacks[side].tops[i]
				yield(0)
			}
			for _, v := range list {
				yield(v)
			}
		}
		for _, b := range c.Bands {
			for j := range b.Times {
				if b.Right == right {
					yield(b.Upper[j])
					yield(b.Lower[j])
				}
			}
		}
		for _, l := range c.Levels {
			if l.Right == right {
				yield(l.Value)
				if l.To != nil {
					yield(*l.To)
				}
			}
		}
	}
}

// axes draws the grid, the numbers and the times.
func (d *plot) axes() {
	a := d.area
	for _, v := range d.left.ticks {
		y := d.left.y(v)
		d.segment(a.left, y, a.right, y, 1, d.grid)
		d.write(d.small, d.faint, Number(v), a.left-6, y, 1, 0.35)
	}
	if d.right != nil {
		for _, v := range d.right.ticks {
			d.write(d.small, d.faint, Number(v), a.right+6, d.right.y(v), 0, 0.35)
		}
	}
	d.segment(a.left, a.bottom, a.right, a.bottom, 1, d.faint)
	width := d.widest(d.small, "00:00:00") + 14
	for _, t := range clockTicks(d.chart.From, d.chart.To, d.chart.Zone, int(a.width()/width)) {
		x := d.x(t.at)
		d.segment(x, a.bottom, x, a.bottom+4, 1, d.faint)
		d.write(d.small, d.faint, t.text, x, a.bottom+6, 0.5, 1)
	}
	d.axisLabel(d.chart.Left.Label, d.outer.left+smallSize/2, -1)
	if d.right != nil {
		d.axisLabel(d.chart.Right.Label, d.outer.right-smallSize/2, 1)
	}
}

// axisLabel writes along an axis, upwards on the left and downwards on the
// right.
func (d *plot) axisLabel(text string, x, turn float64) {
	if text == "" {
		return
	}
	y := (d.top + d.bottom) / 2
	d.Push()
	d.RotateAbout(turn*1.5707963267948966, x, y)
	d.SetFontFace(d.small)
	d.SetColor(d.faint)
	d.DrawStringAnchored(d.fit(text, d.height()), x, y, 0.5, 0.35)
	d.Pop()
}
