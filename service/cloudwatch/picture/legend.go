package picture

import "image/color"

// key is one entry of the legend.
type key struct {
	label string
	ink   color.NRGBA
}

const (
	keyHeight = 17.0
	keyMark   = 12.0
)

// keys are the entries for lines and bands.
func (p *canvas) keys() (list []key) {
	for i, l := range p.chart.Lines {
		list = append(list, key{l.Label, ink(l.Color, i)})
	}
	if p.chart.View != TimeSeries {
		return list
	}
	for _, b := range p.chart.Bands {
		c, ok := hex(b.Color)
		if !ok {
			c = color.NRGBA{0x95, 0xa5, 0xa6, 0xff}
		}
		list = append(list, key{b.Label, c})
	}
	return list
}

// legend writes the legend and gives what is left of the area. It takes half of
// the picture at most; what does not fit in is counted.
func (p *canvas) legend(a area, keys []key) area {
	switch {
	case len(keys) == 0 || p.chart.Legend == Hidden || a.height() < 4*keyHeight:
		return a
	case p.chart.Legend == Beside:
		return p.legendBeside(a, keys)
	}
	rows := p.rows(a.width(), keys)
	most := int(a.height() / 2 / keyHeight)
	if len(rows) > most {
		rows = rows[:most]
	}
	y := a.bottom - float64(len(rows))*keyHeight
	out := area{a.left, a.top, a.right, y - 4}
	for _, row := range rows {
		x := a.left
		for _, k := range row {
			x += p.key(k, x, y, a.right) + 14
		}
		y += keyHeight
	}
	return out
}

// rows breaks the legend into lines.
func (p *canvas) rows(width float64, keys []key) (rows [][]key) {
	var x float64
	for _, k := range keys {
		w := keyMark + 5 + p.widest(p.text, k.label) + 14
		if len(rows) == 0 || x+w-14 > width && x > 0 {
			rows, x = append(rows, nil), 0
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], k)
		x += w
	}
	return rows
}

// key writes one entry and tells how wide it is.
func (p *canvas) key(k key, x, y, right float64) float64 {
	p.block(area{x, y + 3, x + keyMark, y + 3 + keyMark - 2}, k.ink)
	p.SetFontFace(p.text)
	label := p.fit(k.label, right-x-keyMark-5)
	p.write(p.text, p.ink, label, x+keyMark+5, y+keyHeight/2, 0, 0.35)
	w, _ := p.MeasureString(label)
	return keyMark + 5 + w
}

func (p *canvas) legendBeside(a area, keys []key) area {
	var labels []string
	for _, k := range keys {
		labels = append(labels, k.label)
	}
	width := min(p.widest(p.text, labels...)+keyMark+5, a.width()/2)
	y := a.top
	for _, k := range keys[:min(len(keys), int(a.height()/keyHeight))] {
		p.key(k, a.right-width, y, a.right)
		y += keyHeight
	}
	return area{a.left, a.top, a.right - width - 14, a.bottom}
}
