package handoff

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestLinePassesOverWhatIsNoMessage(t *testing.T) {
	var b bytes.Buffer
	l := NewLine(&b)
	b.WriteString("\x00\x01garbage\n" + `{"Kind":"ask","Session":"half of a mess`) // whoever wrote it was killed
	if err := l.Send(Message{Kind: Hello, Session: "s"}); err != nil {
		t.Fatal(err)
	}
	b.WriteString(strings.Repeat("x", longest+1) + "\n" + `{"Session":"no kind"}` + "\n")
	if err := l.Send(Message{Kind: Data, Session: "s", ID: 7, Stream: 1, Data: []byte("a\nb\x00")}); err != nil {
		t.Fatal(err)
	}
	first, err := l.Receive()
	if err != nil || first.Kind != Hello || first.Session != "s" {
		t.Fatalf("%+v, %v", first, err)
	}
	second, err := l.Receive()
	if err != nil || second.Kind != Data || second.ID != 7 || string(second.Data) != "a\nb\x00" {
		t.Fatalf("%+v, %v", second, err)
	}
	if m, err := l.Receive(); err != io.EOF {
		t.Errorf("%+v, %v after the end", m, err)
	}
}

func TestLineRefusesWhatIsTooLong(t *testing.T) {
	l := NewLine(&bytes.Buffer{})
	if err := l.Send(Message{Kind: Data, Data: make([]byte, longest)}); err == nil {
		t.Error("a message that nobody would read was sent")
	}
}

// FuzzLine: whatever comes before it, a message that was sent is received.
func FuzzLine(f *testing.F) {
	f.Add([]byte("{"))
	f.Add([]byte("\n\n{}\n[1]"))
	f.Add([]byte(`{"Kind":"data","Data":"!"}` + "\n"))
	f.Fuzz(func(t *testing.T, before []byte) {
		var b bytes.Buffer
		l := NewLine(&b)
		b.Write(before)
		if err := l.Send(Message{Kind: Hello, Session: "the one"}); err != nil {
			t.Fatal(err)
		}
		for {
			m, err := l.Receive()
			if err != nil {
				t.Fatalf("it was lost: %v", err)
			}
			if m.Kind == Hello && m.Session == "the one" {
				return
			}
		}
	})
}
