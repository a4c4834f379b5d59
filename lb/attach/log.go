package attach

import (
	"net/netip"
	"sync"
	"time"

	"pileus/lb"
)

// maxLines bounds how many records of one load balancer wait for their file;
// AWS, too, writes them as well as it can.
const maxLines = 200_000

// Logs gathers log records until their files are written.
type Logs struct {
	mu    sync.Mutex
	files map[string]map[File][]string // by load balancer
	lines map[string]int
}

// File is what goes into one file.
type File struct {
	Kind string // "access", "connection"
	Node netip.Addr
}

// Add notes a record. It returns at once.
func (l *Logs) Add(balancer string, r lb.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.files == nil {
		l.files, l.lines = map[string]map[File][]string{}, map[string]int{}
	}
	if l.lines[balancer] >= maxLines {
		return
	}
	if l.files[balancer] == nil {
		l.files[balancer] = map[File][]string{}
	}
	f := File{r.Kind, r.Node}
	l.files[balancer][f] = append(l.files[balancer][f], r.Line)
	l.lines[balancer]++
}

// Take gives out what has been gathered of a load balancer.
func (l *Logs) Take(balancer string) map[File][]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	files := l.files[balancer]
	delete(l.files, balancer)
	delete(l.lines, balancer)
	return files
}

// Reset forgets everything.
func (l *Logs) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.files, l.lines = nil, nil
}

// NextFile is when the files are written that cover t: each every minutes of
// the clock.
func NextFile(t time.Time, every time.Duration) time.Time { return t.Truncate(every).Add(every) }
