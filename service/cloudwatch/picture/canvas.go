package picture

import (
	"fmt"
	"image/color"
	"strconv"
	"strings"
	"time"

	"git.sr.ht/~sbinet/gg"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
)

// canvas is the paper that a chart is drawn on.
type canvas struct {
	*gg.Context
	chart            *Chart
	ink, faint, grid color.Color
	small, text      font.Face
	title            font.Face
	bold             *opentype.Font
}

const (
	smallSize = 11
	textSize  = 12
	titleSize = 15
	pad       = 10.0
)

func newCanvas(c *Chart) (*canvas, error) {
	p := &canvas{Context: gg.NewContext(c.Width, c.Height), chart: c}
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	paper := color.Color(color.White)
	p.ink, p.faint, p.grid = color.RGBA{0x22, 0x2b, 0x3a, 0xff}, color.RGBA{0x5f, 0x6b, 0x7a, 0xff}, color.RGBA{0xe3, 0xe6, 0xea, 0xff}
	if c.Dark {
		paper = color.RGBA{0x16, 0x1d, 0x26, 0xff}
		p.ink, p.faint, p.grid = color.RGBA{0xe9, 0xeb, 0xed, 0xff}, color.RGBA{0x9b, 0xa7, 0xb6, 0xff}, color.RGBA{0x35, 0x41, 0x50, 0xff}
	}
	p.SetColor(paper)
	p.Clear()
	regular, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return nil, fmt.Errorf("picture: font: %w", err)
	}
	if p.bold, err = opentype.Parse(gobold.TTF); err != nil {
		return nil, fmt.Errorf("picture: font: %w", err)
	}
	for _, f := range []struct {
		face *font.Face
		of   *opentype.Font
		size float64
	}{{&p.small, regular, smallSize}, {&p.text, regular, textSize}, {&p.title, p.bold, titleSize}} {
		if *f.face, err = face(f.of, f.size); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func face(f *opentype.Font, size float64) (font.Face, error) {
	out, err := opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		return nil, fmt.Errorf("picture: font: %w", err)
	}
	return out, nil
}

// area is a rectangle of the canvas.
type area struct{ left, top, right, bottom float64 }

func (a area) width() float64  { return a.right - a.left }
func (a area) height() float64 { return a.bottom - a.top }

// drawable tells whether anything fits in.
func (a area) drawable() bool { return a.width() >= 1 && a.height() >= 1 }

// whole is the canvas without its margins and the title, which it writes.
func (p *canvas) whole() area {
	a := area{pad, pad, float64(p.Width()) - pad, float64(p.Height()) - pad}
	if p.chart.Title != "" && a.height() > 3*titleSize {
		p.SetFontFace(p.title)
		p.SetColor(p.ink)
		p.DrawStringAnchored(p.fit(p.chart.Title, a.width()), float64(p.Width())/2, a.top+titleSize/2, 0.5, 0.35)
		a.top += titleSize + pad
	}
	return a
}

// write puts text at a place; ax and ay are where in the text that is, from 0
// to 1.
func (p *canvas) write(face font.Face, ink color.Color, s string, x, y, ax, ay float64) {
	p.SetFontFace(face)
	p.SetColor(ink)
	p.DrawStringAnchored(s, x, y, ax, ay)
}

// fit cuts a text to a width in the face that is set.
func (p *canvas) fit(s string, width float64) string {
	if w, _ := p.MeasureString(s); w <= width {
		return s
	}
	r := []rune(s)
	lo, hi := 0, len(r)
	for lo < hi {
		mid := (lo + hi + 1) / 2
		if w, _ := p.MeasureString(string(r[:mid]) + "…"); w <= width {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	if lo == 0 {
		return ""
	}
	return string(r[:lo]) + "…"
}

// widest is how wide the widest of some texts is.
func (p *canvas) widest(face font.Face, list ...string) (most float64) {
	p.SetFontFace(face)
	for _, s := range list {
		w, _ := p.MeasureString(s)
		most = max(most, w)
	}
	return most
}

func (p *canvas) segment(x1, y1, x2, y2, width float64, ink color.Color) {
	p.SetColor(ink)
	p.SetLineWidth(width)
	p.DrawLine(x1, y1, x2, y2)
	p.Stroke()
}

func (p *canvas) block(a area, ink color.Color) {
	p.SetColor(ink)
	p.DrawRectangle(a.left, a.top, a.width(), a.height())
	p.Fill()
}

// palette are the colours of lines that say none.
var palette = []string{"#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf",
	"#aec7e8", "#ffbb78", "#98df8a", "#ff9896", "#c5b0d5", "#c49c94", "#f7b6d2", "#c7c7c7", "#dbdb8d", "#9edae5"}

// ink is a colour by its name, or else that of a place in the palette.
func ink(name string, place int) color.NRGBA {
	if c, ok := hex(name); ok {
		return c
	}
	c, _ := hex(palette[place%len(palette)])
	return c
}

// hex reads #rrggbb and #rgb.
func hex(s string) (color.NRGBA, bool) {
	s, ok := strings.CutPrefix(s, "#")
	if len(s) == 3 {
		s = string([]byte{s[0], s[0], s[1], s[1], s[2], s[2]})
	}
	n, err := strconv.ParseUint(s, 16, 32)
	if !ok || len(s) != 6 || err != nil {
		return color.NRGBA{}, false
	}
	return color.NRGBA{uint8(n >> 16), uint8(n >> 8), uint8(n), 0xff}, true
}

// IsColor tells whether a text is a colour that can be drawn.
func IsColor(s string) bool { _, ok := hex(s); return ok }

// pale is a colour to fill with.
func pale(c color.NRGBA, alpha uint8) color.NRGBA { c.A = alpha; return c }
