// Package picture draws charts of metrics as PNG images, as GetMetricWidgetImage
// gives them.
//
//	chart.go               what there is to draw
//	canvas.go              paper, colours and letters
//	scale.go, clock.go     numbers and times along an axis
//	lines.go, axes.go      time series
//	stack.go, note.go      areas on each other; annotations
//	values.go, share.go    single values, bars, gauges; pies
//	legend.go              which colour is what
//
// It knows neither metrics nor JSON: labels and points come ready.
package picture

import (
	"fmt"
	"io"
	"time"
)

// View is how values are shown.
type View string

const (
	TimeSeries  View = "timeSeries"
	SingleValue View = "singleValue"
	Gauge       View = "gauge"
	Bar         View = "bar"
	Pie         View = "pie"
)

// Legend is where the legend stands.
type Legend string

const (
	Below  Legend = "bottom"
	Beside Legend = "right"
	Hidden Legend = "hidden"
)

// Chart is all that there is to draw.
type Chart struct {
	Width, Height int // pixels
	Title         string
	View          View
	Stacked       bool
	Legend        Legend
	Dark          bool
	From, To      int64          // seconds since 1970
	Zone          *time.Location // of the times; nil for UTC
	Lines         []Line
	Bands         []Band
	Left, Right   Axis
	Levels        []Level
	Moments       []Moment
}

// Line is one series.
type Line struct {
	Label  string
	Color  string // "#rrggbb"; "" for the next of the palette
	Right  bool   // it goes by the axis on the right
	Period int64  // seconds; points farther apart are not joined
	Times  []int64
	Values []float64
}

// Band is the area between two ends, as of what is to be expected.
type Band struct {
	Label        string
	Color        string
	Right        bool
	Times        []int64
	Upper, Lower []float64
}

// Axis is what is said of one of the two axes for values.
type Axis struct {
	Label    string
	Min, Max *float64
}

// Level is a value that is marked by a horizontal line: alone, filled above or
// below, or filled to another value.
type Level struct {
	Label, Color string
	Right        bool
	Value        float64
	To           *float64
	Fill         string // "above", "below" or ""
}

// Moment is a time that is marked by a vertical line: alone, filled before or
// after, or filled to another time.
type Moment struct {
	Label, Color string
	At           int64
	To           *int64
	Fill         string // "before", "after" or ""
}

// MaxSide is how many pixels a side can have.
const MaxSide = 2000

// PNG draws the chart.
func (c *Chart) PNG(w io.Writer) error {
	if c.Width < 1 || c.Height < 1 || c.Width > MaxSide || c.Height > MaxSide {
		return fmt.Errorf("picture: %d by %d pixels", c.Width, c.Height)
	}
	p, err := newCanvas(c)
	if err != nil {
		return err
	}
	switch c.View {
	case SingleValue:
		p.singleValues()
	case Gauge:
		p.gauges()
	case Bar:
		p.bars()
	case Pie:
		p.pie()
	default:
		p.timeSeries()
	}
	return p.EncodePNG(w)
}

// Last is a line's newest value.
func (l *Line) Last() (float64, bool) {
	if len(l.Values) == 0 {
		return 0, false
	}
	return l.Values[len(l.Values)-1], true
}
