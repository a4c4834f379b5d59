//go:build linux

package network

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"testing"

	"pileus/plane"
)

// TestFlows compares flow records with what was sent: accepted and rejected,
// at both ends.
func TestFlows(t *testing.T) {
	n := open(t, "flows")
	v := twoZones("vpc-1")
	v.FlowLogs = true
	if err := n.ApplyVPC(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), patient)
	defer stop()
	flows, err := n.Flows(ctx, "vpc-1")
	if err != nil {
		t.Fatal(err)
	}
	echo(t, n, "vpc-1", "10.0.1.10:80")
	go func() {
		c := dial(t, n, "vpc-1", "10.0.0.10", "10.0.1.10:80")
		say(t, c, "hello")
		u, err := n.Dial(ctx, "vpc-1", netip.MustParseAddr("10.0.0.10"), "udp", netip.MustParseAddrPort("10.0.1.10:53"))
		if err != nil {
			t.Error(err)
			return
		}
		fmt.Fprint(u, "nobody may")
		u.Close()
	}()
	type key struct {
		id                string
		ingress, accepted bool
		protocol          uint8
		port              uint16
	}
	want := map[key]bool{
		{"eni-a", false, true, 6, 80}:  false, // the request leaves a
		{"eni-b", true, true, 6, 80}:   false, // and enters b
		{"eni-b", false, true, 6, 0}:   false, // the answer leaves b
		{"eni-a", true, true, 6, 0}:    false, // and enters a
		{"eni-a", false, true, 17, 53}: false, // a may send UDP
		{"eni-b", true, false, 17, 53}: false, // b lets none in
	}
	missing := len(want)
	for f := range flows {
		k := key{f.Interface, f.Ingress, f.Accepted, f.Protocol, f.DestPort}
		if f.SourcePort == 80 {
			k.port = 0
		}
		seen, ok := want[k]
		if !ok {
			t.Errorf("a record that nobody caused: %+v", f)
		}
		if !seen {
			want[k] = true
			missing--
		}
		if f.Packets == 0 || f.Bytes < f.Packets*20 || f.End.Before(f.Start) {
			t.Errorf("packets %d, bytes %d, from %v to %v", f.Packets, f.Bytes, f.Start, f.End)
		}
		const syn = 2
		if f.Protocol == 6 && f.TCPFlags&syn == 0 && f.Packets > 2 {
			t.Errorf("TCP flags %x without the first packet's", f.TCPFlags)
		}
		if missing == 0 {
			break
		}
	}
	for k, seen := range want {
		if !seen {
			t.Errorf("no record of %+v", k)
		}
	}
}

// TestTraffic counts what is billed.
func TestTraffic(t *testing.T) {
	n := open(t, "traffic")
	v := twoZones("vpc-1")
	if err := n.ApplyVPC(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	send := func(c io.Writer) {
		if _, err := c.Write(make([]byte, 100_000)); err != nil {
			t.Fatal(err)
		}
	}
	exchange := func(from, to, vpc string) {
		c := dial(t, n, vpc, from, to)
		send(c)
		if _, err := io.ReadFull(c, make([]byte, 100_000)); err != nil {
			t.Fatal(err)
		}
	}
	echo(t, n, "vpc-1", "10.0.1.10:80")
	echo(t, n, "vpc-1", "10.0.0.20:80")
	echo(t, n, "", "198.19.128.1:80")
	read := func() plane.Counters {
		all, err := n.Traffic(t.Context(), "vpc-1")
		if err != nil {
			t.Fatal(err)
		}
		return all["eni-a"]
	}
	within := func(what string, got uint64, least, most uint64) {
		t.Helper()
		if got < least || got > most {
			t.Errorf("%s: %d bytes, want %d to %d", what, got, least, most)
		}
	}
	exchange("10.0.0.10", "10.0.0.20:80", "vpc-1")
	c := read()
	within("to the same zone, billed", c.InterZone+c.Internet, 0, 0)
	within("sent", c.BytesOut, 100_000, 150_000)
	within("received", c.BytesIn, 100_000, 150_000)
	exchange("10.0.0.10", "10.0.1.10:80", "vpc-1")
	c = read()
	within("to another zone", c.InterZone, 100_000, 120_000)
	within("to the internet", c.Internet, 0, 0)
	exchange("10.0.0.10", "198.19.128.1:80", "vpc-1")
	c = read()
	within("to another zone", c.InterZone, 100_000, 120_000)
	within("to the internet", c.Internet, 100_000, 150_000)
	// Counters go on when interfaces come and go.
	v.Interfaces = v.Interfaces[:1]
	if err := n.ApplyVPC(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	if now := read(); now.Internet < c.Internet || now.InterZone < c.InterZone {
		t.Errorf("after another interface went: %+v, before %+v", now, c)
	}
}
