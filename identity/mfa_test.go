package identity

import (
	"testing"
	"time"
)

// TestTOTP: RFC 6238, appendix B, of whose eight digits six are shown.
func TestTOTP(t *testing.T) {
	d := &MFADevice{Seed: []byte("12345678901234567890")}
	for at, want := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		if got := d.Code(time.Unix(at, 0)); got != want {
			t.Errorf("at %d: %s, want %s", at, got, want)
		}
	}
}

func TestMFADevice(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	at := func(steps int) time.Time { return now.Add(time.Duration(steps) * totpStep * time.Second) }
	for _, drift := range []int{0, 5, -5, syncWindow - 1, -syncWindow} {
		d := &MFADevice{Seed: []byte("12345678901234567890")}
		code := func(steps int) string { return d.Code(at(steps + drift)) }
		switch {
		case d.Sync(code(0), code(0), now):
			t.Errorf("drift %d: one code twice is taken for two", drift)
		case d.Sync(code(1), code(0), now):
			t.Errorf("drift %d: codes in the wrong order", drift)
		case d.Sync(code(0), code(2), now):
			t.Errorf("drift %d: codes that are not consecutive", drift)
		case !d.Sync(code(0), code(1), now):
			t.Errorf("drift %d: two consecutive codes are refused", drift)
		case d.Check(code(0), at(1)) || d.Check(code(1), at(1)):
			t.Errorf("drift %d: a code that enabling has used up", drift)
		case !d.Check(code(2), at(2)):
			t.Errorf("drift %d: the next code is refused", drift)
		case d.Check(code(2), at(2)):
			t.Errorf("drift %d: a code works twice", drift)
		case d.Check(code(10), at(2)):
			t.Errorf("drift %d: a code of the future", drift)
		case d.Check("", at(12)) || d.Check("000000x", at(12)):
			t.Errorf("drift %d: nonsense", drift)
		}
	}
	d := &MFADevice{Seed: []byte("12345678901234567890")}
	if far := syncWindow + 2; d.Sync(d.Code(at(far)), d.Code(at(far+1)), now) {
		t.Error("a clock that is far off is taken over")
	}
}

func TestPassword(t *testing.T) {
	long := string(make([]byte, 128))
	for _, password := range []string{"x", "Pässwort", long} {
		h := HashPassword(password)
		if !CheckPassword(h, password) || CheckPassword(h, password+"x") || CheckPassword(h, "") {
			t.Errorf("%q", password)
		}
	}
}
