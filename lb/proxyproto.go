package lb

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
	"strconv"
)

// The PROXY protocol tells a target who the client is, before the first byte.
// https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt

// proxySignature begins a header of version 2.
const proxySignature = "\r\n\r\n\x00\r\nQUIT\n"

const (
	proxyCommand = 0x21 // version 2, a connection that is passed on
	proxyStream  = 0x1
	proxyPacket  = 0x2
	proxyIPv4    = 0x10
	proxyIPv6    = 0x20
	proxyCRC     = 0x03 // type of the value that holds a CRC-32C of the header
	proxyNoop    = 0x04
	// proxyEndpoint is the type of the value that names the VPC endpoint by which
	// the client came, after a byte that says so.
	proxyEndpoint, proxyEndpointID = 0xea, 0x01
	// proxyRoom is how long AWS makes the part that follows the fixed one for
	// IPv4: what is not needed is filled with a value that means nothing.
	proxyRoom = 84
)

// proxyV2 appends a header of version 2 as network load balancers send it,
// with the VPC endpoint that the client came by; "" for none.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/network/edit-target-group-attributes.html#proxy-protocol
func proxyV2(b []byte, client, local netip.AddrPort, stream bool, endpoint string) []byte {
	start := len(b)
	client, local = plain(client), plain(local)
	family := byte(proxyPacket)
	if stream {
		family = proxyStream
	}
	room := proxyRoom
	if client.Addr().Is4() && local.Addr().Is4() {
		family |= proxyIPv4
	} else {
		family |= proxyIPv6
		room += 2 * (16 - 4)
	}
	b = append(append(b, proxySignature...), proxyCommand, family)
	b = binary.BigEndian.AppendUint16(b, uint16(room))
	body := len(b)
	for _, a := range []netip.Addr{client.Addr(), local.Addr()} {
		if family&proxyIPv4 != 0 {
			b = append(b, a.AsSlice()...)
		} else {
			long := a.As16()
			b = append(b, long[:]...)
		}
	}
	b = binary.BigEndian.AppendUint16(b, client.Port())
	b = binary.BigEndian.AppendUint16(b, local.Port())
	b = append(b, proxyCRC, 0, 4, 0, 0, 0, 0)
	sum := len(b) - 4
	if endpoint != "" {
		b = append(b, proxyEndpoint, 0, byte(1+len(endpoint)), proxyEndpointID)
		b = append(b, endpoint...)
	}
	rest := room - (len(b) - body) - 3
	b = append(b, proxyNoop, byte(rest>>8), byte(rest))
	b = append(b, make([]byte, rest)...)
	binary.BigEndian.PutUint32(b[sum:], crc32.Checksum(b[start:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// proxyV1 appends a line of version 1 as classic load balancers send it.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/enable-proxy-protocol.html
func proxyV1(b []byte, client, local netip.AddrPort) []byte {
	client, local = plain(client), plain(local)
	family := "TCP4"
	if !client.Addr().Is4() || !local.Addr().Is4() {
		family = "TCP6"
	}
	b = append(append(b, "PROXY "...), family...)
	for _, a := range []netip.Addr{client.Addr(), local.Addr()} {
		b = append(append(b, ' '), a.String()...)
	}
	for _, port := range []uint16{client.Port(), local.Port()} {
		b = strconv.AppendUint(append(b, ' '), uint64(port), 10)
	}
	return append(b, "\r\n"...)
}

func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}
