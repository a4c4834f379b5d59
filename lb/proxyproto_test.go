package lb

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"net/netip"
	"strings"
	"testing"
)

// readProxyV2 takes a header apart, as a target does.
func readProxyV2(t *testing.T, b []byte) (client, local netip.AddrPort, kind byte, rest []byte) {
	t.Helper()
	if len(b) < 16 || !bytes.HasPrefix(b, []byte(proxySignature)) || b[12] != 0x21 {
		t.Fatalf("not a header: %x", b)
	}
	n := int(binary.BigEndian.Uint16(b[14:])) + 16
	if len(b) < n {
		t.Fatalf("%d bytes of %d", len(b), n)
	}
	header, rest := bytes.Clone(b[:n]), b[n:]
	size := 4
	if b[13]>>4 == 2 {
		size = 16
	}
	at := func(addr, port int) netip.AddrPort {
		a, _ := netip.AddrFromSlice(b[addr : addr+size])
		return netip.AddrPortFrom(a, binary.BigEndian.Uint16(b[port:]))
	}
	client, local = at(16, 16+2*size), at(16+size, 18+2*size)
	for tlv := 16 + 2*size + 4; tlv < n; {
		length := int(binary.BigEndian.Uint16(header[tlv+1:]))
		if header[tlv] == proxyCRC {
			sum := binary.BigEndian.Uint32(header[tlv+3:])
			clear(header[tlv+3 : tlv+7])
			if got := crc32.Checksum(header, crc32.MakeTable(crc32.Castagnoli)); got != sum {
				t.Errorf("the header's checksum is %x, not %x", got, sum)
			}
		}
		tlv += 3 + length
		if tlv > n {
			t.Fatalf("a value ends %d bytes after the header", tlv-n)
		}
	}
	return client, local, b[13] & 0xf, rest
}

func TestProxyV2(t *testing.T) {
	for _, test := range []struct {
		client, local string
		stream        bool
		length        int
	}{
		{"192.0.2.1:40000", "10.0.0.5:80", true, 100},
		{"192.0.2.1:40000", "10.0.0.5:53", false, 100},
		{"[::ffff:192.0.2.1]:40000", "10.0.0.5:80", true, 100},
		{"[2001:db8::1]:40000", "[2001:db8::5]:80", true, 124},
		{"192.0.2.1:40000", "[2001:db8::5]:80", true, 124},
	} {
		a, b := netip.MustParseAddrPort(test.client), netip.MustParseAddrPort(test.local)
		h := proxyV2([]byte(""), a, b, test.stream, "")
		client, local, kind, rest := readProxyV2(t, append(h, "hello"...))
		if plain(client) != plain(a) || plain(local) != plain(b) || (kind == 1) != test.stream || string(rest) != "hello" || len(h) != test.length {
			t.Errorf("%v to %v: %v to %v of kind %d, %d bytes", a, b, client, local, kind, len(h))
		}
	}
}

func TestProxyV1(t *testing.T) {
	for want, ends := range map[string][2]string{
		"PROXY TCP4 192.0.2.1 10.0.0.5 40000 80\r\n":       {"192.0.2.1:40000", "10.0.0.5:80"},
		"PROXY TCP6 2001:db8::1 2001:db8::5 40000 443\r\n": {"[2001:db8::1]:40000", "[2001:db8::5]:443"},
		"PROXY TCP4 192.0.2.1 10.0.0.5 65535 65535\r\n":    {"[::ffff:192.0.2.1]:65535", "10.0.0.5:65535"},
		"PROXY TCP6 fe80::1 2001:db8::5 1 2\r\n":           {"[fe80::1%eth0]:1", "[2001:db8::5]:2"},
	} {
		if got := string(proxyV1(nil, netip.MustParseAddrPort(ends[0]), netip.MustParseAddrPort(ends[1]))); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

// FuzzProxy holds the header to its form for any addresses.
func FuzzProxy(f *testing.F) {
	f.Add("192.0.2.1:1", "10.0.0.5:80", true)
	f.Add("[2001:db8::1]:1", "[::ffff:10.0.0.5]:80", false)
	f.Fuzz(func(t *testing.T, client, local string, stream bool) {
		a, errA := netip.ParseAddrPort(client)
		b, errB := netip.ParseAddrPort(local)
		if errA != nil || errB != nil {
			return
		}
		gotA, gotB, _, rest := readProxyV2(t, proxyV2(nil, a, b, stream, ""))
		if plain(gotA) != plain(a) || plain(gotB) != plain(b) || len(rest) > 0 {
			t.Errorf("%v and %v became %v and %v", a, b, gotA, gotB)
		}
		if line := string(proxyV1(nil, a, b)); len(line) > 107 || strings.Count(line, " ") != 5 || !strings.HasSuffix(line, "\r\n") {
			t.Errorf("%q", line)
		}
	})
}
