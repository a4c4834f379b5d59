package sealed

import (
	"bytes"
	"crypto/aes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	peer "golang.org/x/crypto/xts"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newKey(t testing.TB) *Key {
	t.Helper()
	k, err := NewKey()
	must(t, err)
	return k
}

// noise is n bytes that follow from a seed.
func noise(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b) // never fails
	return b
}

// TestSameAsOthers holds our XTS to another implementation of the standard.
func TestSameAsOthers(t *testing.T) {
	k := newKey(t)
	other, err := peer.NewCipher(aes.NewCipher, k.Bytes())
	must(t, err)
	for _, at := range []int64{0, Sector, 77 * Sector, 1 << 40, 1<<62 + 5*Sector} {
		plain := noise(byte(at>>9), 4*Sector)
		got, want := bytes.Clone(plain), make([]byte, len(plain))
		for i := 0; i < len(plain); i += Sector {
			other.Encrypt(want[i:i+Sector], plain[i:i+Sector], uint64(at+int64(i))/Sector)
		}
		if k.Encrypt(got, at); !bytes.Equal(got, want) {
			t.Errorf("at %d: not what the standard says", at)
		}
		if k.Decrypt(got, at); !bytes.Equal(got, plain) {
			t.Errorf("at %d: decrypted to something else", at)
		}
	}
}

// TestHolesStay: what was never written is zeros, and zeros that were written
// are not seen in the file.
func TestHolesStay(t *testing.T) {
	k := newKey(t)
	b := make([]byte, 2*Sector)
	if k.Decrypt(b, 0); !bytes.Equal(b, make([]byte, 2*Sector)) {
		t.Error("a hole does not read as zeros")
	}
	if k.Encrypt(b, 0); zero(b[:Sector]) || bytes.Equal(b[:Sector], b[Sector:]) {
		t.Error("zeros that were written can be seen")
	}
	if k.Decrypt(b, 0); !zero(b) {
		t.Error("zeros that were written read as something else")
	}
}

// TestFile reads and writes at odd places, and compares with what was written.
func TestFile(t *testing.T) {
	const size = 3 * chunk
	medium, err := os.Create(filepath.Join(t.TempDir(), "file"))
	must(t, err)
	defer medium.Close()
	must(t, medium.Truncate(size))
	f := NewFile(medium, newKey(t))
	want := make([]byte, size)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 400 {
		at, n := r.IntN(size), []int{1, 15, Sector, 3*Sector + 7, 4096, chunk + 100}[r.IntN(6)]
		if r.IntN(2) == 0 {
			at -= at % Sector
		}
		n = min(n, size-at)
		if r.IntN(3) > 0 {
			b := noise(byte(i), n)
			before := bytes.Clone(b)
			m, err := f.WriteAt(b, int64(at))
			must(t, err)
			if m != n || !bytes.Equal(b, before) {
				t.Fatalf("wrote %d of %d at %d, changing them: %v", m, n, at, !bytes.Equal(b, before))
			}
			copy(want[at:], b)
			continue
		}
		got := make([]byte, n)
		if m, err := f.ReadAt(got, int64(at)); m != n || err != nil && !errors.Is(err, io.EOF) {
			t.Fatalf("read %d of %d at %d: %v", m, n, at, err)
		}
		if !bytes.Equal(got, want[at:at+n]) {
			t.Fatalf("%d bytes at %d are not what was written", n, at)
		}
	}
	past := make([]byte, 1000)
	if n, err := f.ReadAt(past, size-10); n != 10 || !errors.Is(err, io.EOF) || !bytes.Equal(past[:10], want[size-10:]) {
		t.Errorf("across the end: %d, %v", n, err)
	}
	if n, err := f.WriteAt(past[:10], size); n != 0 || err == nil {
		t.Errorf("written past the end: %d, %v", n, err)
	}
	raw, err := os.ReadFile(medium.Name())
	must(t, err)
	if i := bytes.Index(raw, want[chunk:chunk+16]); i >= 0 {
		t.Errorf("in the clear at %d", i)
	}
}

// TestKeys seals a key and opens it where it may be, and nowhere else.
func TestKeys(t *testing.T) {
	master, k := noise(1, 32), newKey(t)
	kept, err := k.Seal(master, "vol-1")
	must(t, err)
	if bytes.Contains(kept, k.Bytes()) {
		t.Error("a kept key is in the clear")
	}
	same, err := OpenKey(master, "vol-1", kept)
	must(t, err)
	if !bytes.Equal(same.Bytes(), k.Bytes()) {
		t.Error("opened to another key")
	}
	for name, try := range map[string]func() (*Key, error){
		"another master key": func() (*Key, error) { return OpenKey(noise(2, 32), "vol-1", kept) },
		"another file":       func() (*Key, error) { return OpenKey(master, "vol-2", kept) },
		"no master key":      func() (*Key, error) { return OpenKey(nil, "vol-1", kept) },
		"damaged":            func() (*Key, error) { return OpenKey(master, "vol-1", kept[:len(kept)-9]) },
		"nothing": func() (*Key, error) {
			return OpenKey(master, "vol-1", []byte(`{"cipher":"aes-xts-plain64","sector":512}`))
		},
		"another cipher": func() (*Key, error) { return OpenKey(master, "vol-1", []byte(`{"cipher":"rot13","sector":512}`)) },
		"a short key":    func() (*Key, error) { return ParseKey(noise(1, 32)) },
	} {
		if _, err := try(); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func BenchmarkEncrypt(b *testing.B) {
	k, buf := newKey(b), make([]byte, 1<<20)
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		k.Encrypt(buf, 0)
	}
}

func BenchmarkDecrypt(b *testing.B) {
	k, buf := newKey(b), noise(1, 1<<20)
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		k.Decrypt(buf, 0)
	}
}
