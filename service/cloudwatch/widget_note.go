package cloudwatch

import (
	"encoding/json"
	"time"

	"pileus/service/cloudwatch/picture"
)

// annotations are what is marked in a widget.
type annotations struct {
	Horizontal []noted  `json:"horizontal"`
	Vertical   []noted  `json:"vertical"`
	Alarms     []string `json:"alarms"`
}

// noted is an annotation, or the two ends of a band of them.
type noted []note

type note struct {
	Value   json.RawMessage `json:"value"`
	Label   string          `json:"label"`
	Color   string          `json:"color"`
	Fill    string          `json:"fill"`
	Visible *bool           `json:"visible"`
	YAxis   string          `json:"yAxis"`
}

// UnmarshalJSON takes one object, or an array of two.
func (n *noted) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		var list []note
		err := json.Unmarshal(b, &list)
		*n = list
		return err
	}
	*n = make([]note, 1)
	return json.Unmarshal(b, &(*n)[0])
}

// shown tells whether there is anything to draw.
func (n noted) shown() bool { return len(n) > 0 && (n[0].Visible == nil || *n[0].Visible) }

// annotate puts the annotations into a chart.
func (w *widget) annotate(chart *picture.Chart) error {
	for _, n := range w.Annotations.Horizontal {
		if !n.shown() {
			continue
		}
		l := picture.Level{Label: n[0].Label, Color: n[0].Color, Fill: n[0].Fill, Right: n[0].YAxis == "right"}
		if json.Unmarshal(n[0].Value, &l.Value) != nil {
			return badValue(string(n[0].Value), "annotations.horizontal.value")
		}
		if len(n) > 1 {
			l.To = new(float64)
			if json.Unmarshal(n[1].Value, l.To) != nil {
				return badValue(string(n[1].Value), "annotations.horizontal.value")
			}
		}
		chart.Levels = append(chart.Levels, l)
	}
	for _, n := range w.Annotations.Vertical {
		if !n.shown() {
			continue
		}
		m := picture.Moment{Label: n[0].Label, Color: n[0].Color, Fill: n[0].Fill}
		var err error
		if m.At, err = n[0].time(); err != nil {
			return err
		}
		if len(n) > 1 {
			at, err := n[1].time()
			if err != nil {
				return err
			}
			m.To = &at
		}
		chart.Moments = append(chart.Moments, m)
	}
	return nil
}

// time is the value of a vertical annotation, in seconds since 1970.
func (n *note) time() (int64, error) {
	var text string
	if err := json.Unmarshal(n.Value, &text); err == nil {
		for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
			if t, err := time.Parse(form, text); err == nil {
				return t.Unix(), nil
			}
		}
	}
	return 0, badValue(string(n.Value), "annotations.vertical.value")
}
