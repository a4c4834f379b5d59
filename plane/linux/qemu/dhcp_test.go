//go:build linux

package qemu

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

var guestCard = card{Index: 0, MAC: "0e:00:00:00:00:01", Address: netip.MustParsePrefix("10.0.1.5/24"), MTU: 1500}

// asks is a frame in which a guest asks its DHCP server.
func asks(kind byte, more ...byte) []byte {
	m := make([]byte, fixedSize)
	m[0], m[1], m[2] = bootRequest, 1, 6
	copy(m[4:], "xid!")
	copy(m[28:], guestCard.hardware())
	m = binary.BigEndian.AppendUint32(m, magic)
	m = append(option(m, optionKind, kind), more...)
	m = append(m, optionEnd)
	ip := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, unix.IPPROTO_UDP, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255}
	udp := []byte{0, portClient, 0, portServer, 0, 0, 0, 0}
	frame := append(bytes.Repeat([]byte{0xff}, 6), guestCard.hardware()...)
	frame = append(frame, 0x08, 0x00)
	return append(append(append(frame, ip...), udp...), m...)
}

// answered reads an answer: its kind, the address that it gives and its options.
func answered(t *testing.T, frame []byte) (kind byte, address netip.Addr, all map[byte][]byte) {
	t.Helper()
	if len(frame) < etherSize+28+fixedSize+4 {
		t.Fatalf("an answer of %d bytes", len(frame))
	}
	m := frame[etherSize+28:]
	all = options(m[fixedSize+4:])
	address, _ = netip.AddrFromSlice(m[16:20])
	return all[optionKind][0], address, all
}

func TestDHCP(t *testing.T) {
	l := leaseOf("ip-10-0-1-5.ec2.internal", nil, nil)
	kind, address, all := answered(t, l.answer(guestCard, asks(discover)))
	if kind != offer || address != guestCard.Address.Addr() {
		t.Errorf("discover: %d %v", kind, address)
	}
	for code, want := range map[byte]string{
		optionMask: "\xff\xff\xff\x00", optionRouter: "\x0a\x00\x01\x01", optionDNS: "\xa9\xfe\xa9\xfd",
		optionHost: "ip-10-0-1-5", optionDomain: "ec2.internal", optionMTU: "\x05\xdc",
	} {
		if string(all[code]) != want {
			t.Errorf("option %d: %q, want %q", code, all[code], want)
		}
	}
	right, wrong := guestCard.Address.Addr().AsSlice(), []byte{10, 0, 1, 6}
	if kind, _, _ := answered(t, l.answer(guestCard, asks(request, option(nil, optionAddress, right...)...))); kind != ack {
		t.Errorf("a request of its address: %d", kind)
	}
	if kind, _, _ := answered(t, l.answer(guestCard, asks(request, option(nil, optionAddress, wrong...)...))); kind != nak {
		t.Errorf("a request of another address: %d", kind)
	}
	if got := l.answer(guestCard, asks(request, option(nil, optionServer, 10, 0, 1, 9)...)); got != nil {
		t.Error("what another server was asked is answered")
	}
	other := asks(discover)
	other[etherSize+28+28]++
	if l.answer(guestCard, other) != nil {
		t.Error("another card is answered")
	}
}

// FuzzDHCP: no frame of a guest's does harm, and only questions are answered.
func FuzzDHCP(f *testing.F) {
	f.Add(asks(discover))
	f.Add(asks(request, option(nil, optionAddress, 10, 0, 1, 5)...))
	f.Add([]byte{})
	l := leaseOf("ip-10-0-1-5.ec2.internal", []string{"10.0.0.2", "no address"}, []string{"a.example", "b.example"})
	f.Fuzz(func(t *testing.T, frame []byte) {
		if _, ok := dhcpIn(frame); l.answer(guestCard, frame) != nil && !ok {
			t.Error("what is no question is answered")
		}
		isReply(frame, guestCard.Address.Addr())
	})
}
