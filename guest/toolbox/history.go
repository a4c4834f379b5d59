//go:build linux

package toolbox

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// history is what was typed, the oldest first.
type history struct {
	mu    sync.Mutex
	lines []string
}

const historyLimit = 1000

// Add is the terminal's; the shell adds whole commands itself.
func (h *history) Add(string) {}

// Len and At are what the arrow keys go through, the newest first.
func (h *history) Len() int { return len(h.lines) }

// At is the i-th line from the newest.
func (h *history) At(i int) string {
	return strings.ReplaceAll(h.lines[len(h.lines)-1-i], "\n", "; ")
}

func (h *history) add(line string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if strings.TrimSpace(line) == "" || line[0] == ' ' || len(h.lines) > 0 && h.lines[len(h.lines)-1] == line {
		return
	}
	h.lines = append(h.lines, line)
	h.lines = h.lines[max(0, len(h.lines)-historyLimit):]
}

func (h *history) file() string { return filepath.Join(os.Getenv("HOME"), ".bash_history") }

func (h *history) load() {
	text, err := os.ReadFile(h.file())
	if err != nil {
		return
	}
	for line := range strings.Lines(string(text)) {
		h.add(strings.TrimRight(line, "\n"))
	}
}

// save writes what is known; that it may fail concerns nobody.
func (h *history) save() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if os.Getenv("HOME") != "" && len(h.lines) > 0 {
		os.WriteFile(h.file(), []byte(strings.Join(h.lines, "\n")+"\n"), 0o600)
	}
}

func (h *history) print(w io.Writer, args []string) {
	from := 0
	if len(args) > 0 {
		if n, err := strconv.Atoi(args[0]); err == nil {
			from = max(0, len(h.lines)-n)
		}
	}
	for i, line := range h.lines[from:] {
		fmt.Fprintf(w, "%5d  %s\n", from+i+1, line)
	}
}

// event is what stands for an earlier line: !!, !5, !-2, !word, and !$ for the
// last word of the line before.
var event = regexp.MustCompile(`(^|[\s;|&(])!(!|\$|-?\d+|[A-Za-z./_][^\s;|&]*)`)

// expand puts earlier lines in the place of what stands for them, but in what
// is between single quotes.
func (h *history) expand(line string) (now string, changed bool, err error) {
	var b strings.Builder
	for i, part := range strings.Split(line, "'") {
		if i > 0 {
			b.WriteByte('\'')
		}
		if i%2 == 1 || !strings.Contains(part, "!") {
			b.WriteString(part)
			continue
		}
		b.WriteString(event.ReplaceAllStringFunc(part, func(m string) string {
			at := strings.IndexByte(m, '!')
			found, ok := h.event(m[at+1:])
			if !ok {
				err = fmt.Errorf("%s: event not found", m[at:])
			}
			changed = true
			return m[:at] + found
		}))
	}
	return b.String(), changed, err
}

func (h *history) event(name string) (string, bool) {
	last := len(h.lines) - 1
	if last < 0 {
		return "", false
	}
	if name == "!" {
		return h.lines[last], true
	}
	if name == "$" {
		words := strings.Fields(h.lines[last])
		return words[len(words)-1], true
	}
	if n, err := strconv.Atoi(name); err == nil {
		if n < 0 {
			n += len(h.lines) + 1
		}
		if n < 1 || n > len(h.lines) {
			return "", false
		}
		return h.lines[n-1], true
	}
	for i := last; i >= 0; i-- {
		if strings.HasPrefix(h.lines[i], name) {
			return h.lines[i], true
		}
	}
	return "", false
}
