package store

import "testing"

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
