//go:build linux

package toolbox

import (
	"bytes"
	"testing"
)

// TestPartitionSize reads the kernel's table, which tells the sizes of devices
// also to those who may not open them.
func TestPartitionSize(t *testing.T) {
	const table = "major minor  #blocks  name\n\n   7        0    8388608 loop0\n   7       10    2097152 loop10\n 254        0  268435456 vda\n"
	for _, c := range []struct {
		major, minor uint32
		want         uint64
	}{{7, 0, 8 << 30}, {7, 10, 2 << 30}, {254, 0, 256 << 30}, {7, 1, 0}} {
		if got := partitionSize(table, c.major, c.minor); got != c.want {
			t.Errorf("%d:%d: %d bytes, want %d", c.major, c.minor, got, c.want)
		}
	}
}

func TestPrintTags(t *testing.T) {
	tags := [][2]string{{"UUID", "u-1"}, {"TYPE", "ext4"}}
	for format, want := range map[string]string{
		"":       "/dev/sdf: UUID=\"u-1\" TYPE=\"ext4\"\n",
		"value":  "u-1\next4\n",
		"export": "UUID=u-1\nTYPE=ext4\n",
		"device": "/dev/sdf\n",
	} {
		var out bytes.Buffer
		c := &call{out: &out}
		if c.printTags("/dev/sdf", tags, format); out.String() != want {
			t.Errorf("%q: %q, want %q", format, out.String(), want)
		}
	}
}
