// Package packedtest compares packed tables with their sources, and packs them.
package packedtest

import (
	"bytes"
	"compress/gzip"
	"flag"
	"os"
	"testing"

	"pileus/internal/packed"
)

var pack = flag.Bool("pack", false, "pack the tables anew")

// Current fails unless a packed file holds what its sources say, one after the
// other. With -pack it packs them first.
func Current(t *testing.T, file string, sources ...string) {
	t.Helper()
	var want []byte
	for _, s := range sources {
		b, err := os.ReadFile(s)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, b...)
	}
	if *pack {
		write(t, file, want)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) == 0 || !bytes.Equal(packed.Text(b), want) {
		t.Errorf("%s is not what its sources are: run `make packed`", file)
	}
}

func write(t *testing.T, file string, text []byte) {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = w.Write(text); err == nil {
		err = w.Close()
	}
	if err == nil {
		err = os.WriteFile(file, b.Bytes(), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
