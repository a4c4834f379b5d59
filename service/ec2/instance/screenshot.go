package instance

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// A screen is as a text console has it.
const (
	screenColumns = 80
	screenRows    = 25
	screenQuality = 85
)

// screenshot draws the last lines of a console as a JPEG picture.
func screenshot(console []byte) ([]byte, error) {
	face := basicfont.Face7x13
	img := image.NewGray(image.Rect(0, 0, screenColumns*face.Advance, screenRows*face.Height))
	draw.Draw(img, img.Bounds(), image.Black, image.Point{}, draw.Src)
	pen := font.Drawer{Dst: img, Src: image.NewUniform(color.Gray{Y: 0xc0}), Face: face}
	for row, line := range screen(console) {
		pen.Dot = fixed.P(0, row*face.Height+face.Ascent)
		pen.DrawString(line)
	}
	var out bytes.Buffer
	err := jpeg.Encode(&out, img, &jpeg.Options{Quality: screenQuality})
	return out.Bytes(), err
}

// screen is what a console of that size shows after it has printed text: long
// lines go on in the next, and what scrolled off is gone.
func screen(console []byte) (rows []string) {
	for line := range strings.Lines(string(console)) {
		line = printable(strings.TrimRight(line, "\r\n"))
		for len(line) > screenColumns {
			rows = append(rows, line[:screenColumns])
			line = line[screenColumns:]
		}
		rows = append(rows, line)
	}
	return rows[max(len(rows)-screenRows, 0):]
}

// printable leaves out escape sequences and what the font lacks.
func printable(line string) string {
	var b strings.Builder
	for n := 0; n < len(line); n++ {
		switch c := line[n]; {
		case c == 0x1b && n+1 < len(line) && line[n+1] == '[':
			for n += 2; n < len(line) && (line[n] < '@' || line[n] > '~'); n++ {
			}
		case c == '\t':
			b.WriteString(strings.Repeat(" ", 8-b.Len()%8))
		case c >= ' ' && c <= '~':
			b.WriteByte(c)
		}
	}
	return b.String()
}
