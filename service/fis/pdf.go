package fis

import (
	"bytes"
	"fmt"

	"codeberg.org/go-pdf/fpdf"

	api "pileus/api/fis"
	"pileus/cloud"
)

// Sizes of the report's page, A4, in millimetres.
const (
	margin = 15.0
	width  = 210 - 2*margin
	line   = 5.5
)

// colours of actions by how they ended.
var colours = map[string][3]int{
	api.ExperimentActionStatusCompleted: {46, 125, 50}, api.ExperimentActionStatusFailed: {198, 40, 40},
	api.ExperimentActionStatusStopped: {239, 108, 0},
}

// pdf is the report as a document: what it was about, a timeline of its
// actions, its targets, its log, and its dashboards.
func (t *turn) pdf(pictures []picture) ([]byte, error) {
	p := fpdf.New("P", "mm", "A4", "")
	p.SetCreationDate(*t.EndTime)
	p.SetModificationDate(*t.EndTime)
	p.SetTitle("Experiment report "+t.ID, true)
	p.SetMargins(margin, margin, margin)
	p.SetAutoPageBreak(true, margin)
	text := p.UnicodeTranslatorFromDescriptor("")
	p.AddPage()
	p.SetFont("Helvetica", "B", 18)
	p.CellFormat(width, 10, "Experiment report", "", 1, "L", false, 0, "")
	p.SetFont("Helvetica", "", 9)
	for _, l := range t.lines() {
		row(p, text, l[0], l[1])
	}
	t.timeline(p, text)
	heading(p, "Actions")
	for _, name := range t.inOrder() {
		a := t.Actions[name]
		row(p, text, name, fmt.Sprintf("%s: %s. %s", *a.ActionId, *a.State.Status, cloud.Or(a.State.Reason, "")))
		for _, key := range sortedKeys(a.Parameters) {
			row(p, text, "", key+" = "+a.Parameters[key])
		}
	}
	heading(p, "Stop conditions")
	for _, s := range t.StopConditions {
		row(p, text, *s.Source, cloud.Or(s.Value, ""))
	}
	heading(p, "Targets")
	for _, r := range t.Resolved {
		row(p, text, r.Name, r.ARN)
	}
	heading(p, "Log")
	for _, e := range t.Said {
		row(p, text, e.At.UTC().Format("15:04:05.000"), e.Type+" "+e.Details)
	}
	for i, x := range pictures {
		show(p, text, i, x)
	}
	var b bytes.Buffer
	if err := p.Output(&b); err != nil {
		return nil, fmt.Errorf("write the report of %s: %w", t.ID, err)
	}
	return b.Bytes(), nil
}

func heading(p *fpdf.Fpdf, text string) {
	p.Ln(4)
	p.SetFont("Helvetica", "B", 12)
	p.CellFormat(width, 8, text, "B", 1, "L", false, 0, "")
	p.SetFont("Helvetica", "", 9)
	p.Ln(1)
}

// row is a name and what belongs to it, over as many lines as it takes.
func row(p *fpdf.Fpdf, text func(string) string, name, value string) {
	const first = 42.0
	p.SetFont("Helvetica", "B", 9)
	p.CellFormat(first, line, text(name), "", 0, "L", false, 0, "")
	p.SetFont("Helvetica", "", 9)
	p.MultiCell(width-first, line, text(value), "", "L", false)
}

// timeline draws a bar for each action that began.
func (t *turn) timeline(p *fpdf.Fpdf, text func(string) string) {
	heading(p, "Timeline")
	whole := t.EndTime.Sub(*t.StartTime).Seconds()
	const names = 42.0
	for _, name := range t.inOrder() {
		a := t.Actions[name]
		if a.StartTime == nil || a.EndTime == nil {
			continue
		}
		at, length := 0.0, 1.0
		if whole > 0 {
			at, length = a.StartTime.Sub(*t.StartTime).Seconds()/whole, a.EndTime.Sub(*a.StartTime).Seconds()/whole
		}
		y := p.GetY()
		p.CellFormat(names, line, text(name), "", 0, "L", false, 0, "")
		colour, known := colours[*a.State.Status]
		if !known {
			colour = [3]int{120, 120, 120}
		}
		p.SetFillColor(colour[0], colour[1], colour[2])
		p.Rect(margin+names+at*(width-names), y+1, max(length*(width-names), 0.6), line-2, "F")
		p.Ln(line)
	}
	p.SetFont("Helvetica", "I", 8)
	p.CellFormat(names, line, "", "", 0, "L", false, 0, "")
	p.CellFormat((width-names)/2, line, t.StartTime.UTC().Format("15:04:05"), "T", 0, "L", false, 0, "")
	p.CellFormat((width-names)/2, line, t.EndTime.UTC().Format("15:04:05"), "T", 1, "R", false, 0, "")
	p.SetFont("Helvetica", "", 9)
}

// show shows a widget.
func show(p *fpdf.Fpdf, text func(string) string, i int, x picture) {
	const high = width * 3 / 8
	if p.GetY()+high+12 > 297-margin {
		p.AddPage()
	}
	heading(p, text(x.title))
	if x.png == nil {
		p.CellFormat(width, line, "This widget shows no metrics.", "", 1, "L", false, 0, "")
		return
	}
	name := fmt.Sprint("widget", i)
	p.RegisterImageOptionsReader(name, fpdf.ImageOptions{ImageType: "PNG"}, bytes.NewReader(x.png))
	p.ImageOptions(name, margin, p.GetY(), width, high, true, fpdf.ImageOptions{ImageType: "PNG"}, 0, "")
}
