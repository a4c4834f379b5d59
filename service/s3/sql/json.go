package sql

import (
	"bytes"
	"io"
	"unicode/utf8"
)

const maxNesting = 500

// JSON reads the values that a path leads to, below each of a sequence of root
// values. It keeps no more of them in memory than one record.
type JSON struct {
	src     source
	path    []step
	section Section
	sync    bool
	open    []container // from the root value to where the next record is
	mark    int64       // where the record began that is being read, or -1
	name    []byte      // of the member that was read last
}

// container is an array or object on the path, of which there is more to read.
type container struct {
	array bool
	step  *step
	items int // read
	found int // gone into
	name  string
}

// NewJSON reads what the query's FROM leads to.
func NewJSON(r io.Reader, q *Query, s Section) *JSON {
	return &JSON{src: source{r: r, at: s.From}, path: q.from, section: s, sync: s.Within, mark: -1}
}

// Next is the next record; io.EOF behind the last. A path that leads nowhere
// gives one MISSING.
func (j *JSON) Next() (Value, error) {
	for {
		if len(j.open) == 0 {
			if err := j.root(); err != nil {
				return Value{}, err
			}
			if v, ready, err := j.enter(); ready || err != nil {
				return v, err
			}
			continue
		}
		top := &j.open[len(j.open)-1]
		more, err := j.advance(top)
		if err != nil {
			return Value{}, err
		}
		if !more {
			j.open = j.open[:len(j.open)-1]
			if top.found == 0 {
				return Value{}, nil
			}
			continue
		}
		top.found++
		if v, ready, err := j.enter(); ready || err != nil {
			return v, err
		}
	}
}

// root goes to the next root value.
func (j *JSON) root() error {
	if j.sync {
		j.sync = false
		for {
			if n := bytes.IndexByte(j.src.buf, '\n'); n >= 0 {
				j.src.take(n + 1)
				break
			}
			j.src.take(len(j.src.buf))
			if !j.src.fill() {
				return j.ended(io.EOF)
			}
		}
	}
	if j.src.at == 0 {
		for len(j.src.buf) < 3 && j.src.fill() {
		}
		if bytes.HasPrefix(j.src.buf, []byte("\xef\xbb\xbf")) {
			j.src.take(3)
		}
	}
	if _, err := j.space(); err != nil {
		return j.ended(io.EOF)
	}
	if j.src.at > j.section.To {
		return io.EOF
	}
	return nil
}

// ended is what the end of the source means: the reader's error, or otherwise.
func (j *JSON) ended(otherwise error) error {
	if err := j.src.failure(); err != nil {
		return err
	}
	return otherwise
}

// enter is at a value to which the path has led so far. At the path's end the
// value is a record; else it is gone into, if the path can.
func (j *JSON) enter() (v Value, ready bool, err error) {
	if len(j.open) == len(j.path) {
		j.mark = j.src.at
		v, err = j.value(true, 0)
		if err == nil && j.src.at-j.mark > maxRecord {
			err = errRecordTooLong
		}
		j.mark = -1
		return v, true, err
	}
	c, err := j.space()
	if err != nil {
		return Value{}, false, err
	}
	st := &j.path[len(j.open)]
	array := st.kind == byIndex || st.kind == eachItem
	if array && c == '[' || !array && c == '{' {
		j.src.take(1)
		j.open = append(j.open, container{array: array, step: st})
		return Value{}, false, nil
	}
	_, err = j.value(false, 0)
	return Value{}, true, err
}

// advance goes to the next value of a container that its step means; false
// behind the last.
func (j *JSON) advance(c *container) (bool, error) {
	for {
		closer := byte('}')
		if c.array {
			closer = ']'
		}
		if more, err := j.another(closer, c.items == 0); !more {
			return false, err
		}
		c.items++
		if !c.array {
			if err := j.member(); err != nil {
				return false, err
			}
		}
		switch {
		case c.step.kind == eachItem, c.step.kind == eachMember, c.step.kind == byIndex && c.step.index == c.items-1:
			return true, nil
		case c.step.kind == byName && c.step.matches(string(j.name)):
			if c.found > 0 && c.name != string(j.name) {
				return false, errAmbiguous
			}
			if c.found == 0 {
				c.name = string(j.name)
				return true, nil
			}
		}
		if _, err := j.value(false, 0); err != nil {
			return false, err
		}
	}
}

// another goes to the next element of an array or object; false at its end.
func (j *JSON) another(closer byte, first bool) (bool, error) {
	c, err := j.space()
	switch {
	case err != nil:
		return false, err
	case c == closer:
		j.src.take(1)
		return false, nil
	case first:
		return true, nil
	case c != ',':
		return false, errJSON
	}
	j.src.take(1)
	c, err = j.space()
	if err == nil && c == closer {
		err = errJSON
	}
	return err == nil, err
}

// member reads a name and the colon behind it.
func (j *JSON) member() error {
	c, err := j.space()
	if err != nil {
		return err
	}
	if c != '"' {
		return errJSON
	}
	if j.name, err = j.quoted(j.name[:0], true); err != nil {
		return err
	}
	if c, err = j.space(); err == nil && c != ':' {
		err = errJSON
	}
	if err != nil {
		return err
	}
	j.src.take(1)
	return nil
}

// peek is the next byte. The end is an error within a value.
func (j *JSON) peek() (byte, error) {
	for len(j.src.buf) == 0 {
		if j.mark >= 0 && j.src.at-j.mark > maxRecord {
			return 0, errRecordTooLong
		}
		if !j.src.fill() {
			return 0, j.ended(errJSON)
		}
	}
	return j.src.buf[0], nil
}

// space goes to the next byte that is none.
func (j *JSON) space() (byte, error) {
	for {
		c, err := j.peek()
		if err != nil || c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c, err
		}
		j.src.take(1)
	}
}

// value reads a value; where it is not to be kept, it is only gone over.
func (j *JSON) value(keep bool, depth int) (Value, error) {
	c, err := j.space()
	if err != nil {
		return Value{}, err
	}
	if depth > maxNesting {
		return Value{}, errJSON
	}
	switch c {
	case '{':
		return j.object(keep, depth)
	case '[':
		return j.array(keep, depth)
	case '"':
		b, err := j.quoted(nil, keep)
		return text(string(b)), err
	case 't':
		return boolean(true), j.word("true")
	case 'f':
		return boolean(false), j.word("false")
	case 'n':
		return null, j.word("null")
	}
	return j.number()
}

func (j *JSON) object(keep bool, depth int) (Value, error) {
	j.src.take(1)
	row := &Row{}
	for first := true; ; first = false {
		more, err := j.another('}', first)
		if !more {
			return structure(row), err
		}
		if err := j.member(); err != nil {
			return Value{}, err
		}
		name := ""
		if keep {
			name = string(j.name)
		}
		v, err := j.value(keep, depth+1)
		if err != nil {
			return v, err
		}
		if keep {
			row.Names, row.Values = append(row.Names, name), append(row.Values, v)
		}
	}
}

func (j *JSON) array(keep bool, depth int) (Value, error) {
	j.src.take(1)
	var items []Value
	for first := true; ; first = false {
		more, err := j.another(']', first)
		if !more {
			return list(items), err
		}
		v, err := j.value(keep, depth+1)
		if err != nil {
			return v, err
		}
		if keep {
			items = append(items, v)
		}
	}
}

func (j *JSON) word(w string) error {
	for i := range len(w) {
		if c, err := j.peek(); err != nil {
			return err
		} else if c != w[i] {
			return errJSON
		}
		j.src.take(1)
	}
	return nil
}

// number reads what can be one and checks its form.
func (j *JSON) number() (Value, error) {
	var room [32]byte
	b := room[:0]
	for {
		c, err := j.peek()
		if err != nil && err != error(errJSON) {
			return Value{}, err
		}
		if err != nil || !isDigit(c) && c != '-' && c != '+' && c != '.' && c|0x20 != 'e' {
			break
		}
		if len(b) > maxRecord {
			return Value{}, errRecordTooLong
		}
		b = append(b, c)
		j.src.take(1)
	}
	if !validNumber(b) {
		return Value{}, errJSON
	}
	return number(string(b)), nil
}

// validNumber checks the grammar of RFC 8259.
func validNumber(b []byte) bool {
	b = bytes.TrimPrefix(b, []byte("-"))
	digits := func() int {
		n := 0
		for n < len(b) && isDigit(b[n]) {
			n++
		}
		b = b[n:]
		return n
	}
	zero := len(b) > 0 && b[0] == '0'
	if n := digits(); n == 0 || zero && n > 1 {
		return false
	}
	if len(b) > 0 && b[0] == '.' {
		if b = b[1:]; digits() == 0 {
			return false
		}
	}
	if len(b) > 0 && b[0]|0x20 == 'e' {
		if b = b[1:]; len(b) > 0 && (b[0] == '+' || b[0] == '-') {
			b = b[1:]
		}
		if digits() == 0 {
			return false
		}
	}
	return len(b) == 0
}

// quoted reads a string behind to.
func (j *JSON) quoted(to []byte, keep bool) ([]byte, error) {
	j.src.take(1)
	start := j.src.at
	for {
		if _, err := j.peek(); err != nil {
			return to, err
		}
		n := 0
		for n < len(j.src.buf) && j.src.buf[n] != '"' && j.src.buf[n] != '\\' && j.src.buf[n] >= ' ' {
			n++
		}
		if keep {
			to = append(to, j.src.buf[:n]...)
		}
		if len(to) > maxRecord {
			return to, errRecordTooLong
		}
		ended := n < len(j.src.buf)
		if j.src.take(n); !ended {
			continue
		}
		switch j.src.buf[0] {
		case '"':
			j.src.take(1)
			if !utf8.Valid(to) {
				return to, errEncoding(start)
			}
			return to, nil
		case '\\':
			var err error
			if to, err = j.escape(to); err != nil {
				return to, err
			}
			if !keep {
				to = to[:0]
			}
		default:
			return to, errJSON
		}
	}
}
