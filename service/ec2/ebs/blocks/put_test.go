package blocks

import (
	"testing"

	"pileus/store"
)

func TestPut(t *testing.T) {
	w := world(t)
	d := disk{}
	put := func(index int64, b []byte) {
		d[index] = b
		must(t, Put(w.Call(), "a", domain, index, b, func(store.Tx) error { return nil }))
	}
	put(5, noise(5))
	put(2000, text(7))
	put(3, noise(5)) // known
	put(5, noise(6)) // over another
	put(3, noise(3)) // the last reference to noise(5) goes
	put(3, noise(3)) // itself
	w.Update(func(tx store.Tx) { Seal(tx, "a", domain) })
	holds(t, w, "a", d)
	if stored, _ := kept(w); stored != 3*Size {
		t.Errorf("%d blocks are kept", stored/Size)
	}
	must(t, Copy(w.Call(), "a", "b", domain)) // as of a parent
	d2 := disk{3: d[3], 5: noise(55), 2000: d[2000]}
	must(t, Put(w.Call(), "b", domain, 5, noise(55), func(store.Tx) error { return nil }))
	holds(t, w, "b", d2)
	holds(t, w, "a", d)
	must(t, Remove(w.Call(), "a"))
	must(t, Remove(w.Call(), "b"))
	if stored, rows := kept(w); stored != 0 || rows != 0 {
		t.Errorf("%d bytes and %d rows are left", stored, rows)
	}
}
