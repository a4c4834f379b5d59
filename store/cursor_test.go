package store

import (
	"slices"
	"testing"
)

func TestCursorsAreToldFromWhatIsMadeUp(t *testing.T) {
	for _, at := range []string{"", "a", "i-0123456789abcdef0", "\x00\xff"} {
		token := Cursor([]byte(at))
		if got, ok := ReadCursor(token); !ok || string(got) != at {
			t.Errorf("%q comes back as %q, %v", at, got, ok)
		}
		if got, ok := ReadCursor(token[:len(token)-1]); ok {
			t.Errorf("a token of %q that is cut short is read as %q", at, got)
		}
	}
	for _, token := range []string{"", "abc", "Z3M3LMP", "AAAA", "AAAAAAAA", "not a token!", "aS0wMTIzNDU2Nzg5YWJjZGVmMA"} {
		if got, ok := ReadCursor(token); ok {
			t.Errorf("%q is read as %q", token, got)
		}
	}
}

// TestPagesOfAList: what a page showed is deleted, and others come before it.
func TestPagesOfAList(t *testing.T) {
	name := func(s string) string { return s }
	first, next, ok := PageOf([]string{"b", "c", "d", "e", "f"}, "", 2, name)
	if !ok || !slices.Equal(first, []string{"b", "c"}) {
		t.Fatalf("first %v, %v", first, ok)
	}
	if rest, _, ok := PageOf([]string{"b", "c", "e", "f"}, next, 2, name); !ok || !slices.Equal(rest, []string{"e", "f"}) {
		t.Errorf("without the one that comes next: %v, %v", rest, ok)
	}
	second, last, ok := PageOf([]string{"a", "d", "e", "f"}, next, 2, name)
	if !ok || !slices.Equal(second, []string{"d", "e"}) {
		t.Errorf("second %v, %v", second, ok)
	}
	if rest, end, ok := PageOf([]string{"a", "d", "e", "f"}, last, 2, name); !ok || end != "" || !slices.Equal(rest, []string{"f"}) {
		t.Errorf("third %v, %q, %v", rest, end, ok)
	}
	if list, _, ok := PageOf([]string{"a"}, next, 2, name); ok {
		t.Errorf("the token of another list leads to %v", list)
	}
}
