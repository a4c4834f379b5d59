//go:build linux

package network

import (
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun"

	"pileus/clock"
	"pileus/plane"
)

const (
	tunnelMTU  = 1420
	tunnelLook = time.Second
	// tunnelSilence is how many looks a tunnel may hear nothing before it is
	// down; each end says something every second.
	tunnelSilence = 3
)

// tunnel is one end of a tunnel: a WireGuard device in this process whose
// network interface is in one namespace and whose socket in another.
type tunnel struct {
	name   string // of the link
	print  string // what it was made from
	device *device.Device

	up       bool
	changed  time.Time
	in, out  uint64
	silences int
	speaker  *speaker // nil without BGP
}

// tunnelEnds say where a tunnel's ends are.
type tunnelEnds struct {
	inside     *wiring
	outside    *namespace
	group      uint32
	port, peer int // UDP ports, ours and theirs; 0 lets the other side begin
}

func tunnelPrint(t plane.Tunnel) string {
	b := t.BGP
	t.Destinations, t.Up, t.BGP = nil, false, nil
	return fmt.Sprintf("%+v %+v", t, b)
}

// openTunnel makes the device and its link.
func openTunnel(t plane.Tunnel, ends tunnelEnds, clk clock.Clock, log *slog.Logger) (*tunnel, error) {
	w := &tunnel{name: linkName(linkTunnel, t.ID), print: tunnelPrint(t), silences: tunnelSilence}
	var link tun.Device
	err := ends.inside.do(func() (err error) {
		link, err = tun.CreateTUN(w.name, tunnelMTU)
		return err
	})
	if err != nil {
		return nil, err
	}
	logger := &device.Logger{Verbosef: device.DiscardLogf, Errorf: func(f string, a ...any) { log.Debug("wireguard: "+fmt.Sprintf(f, a...), "tunnel", t.ID) }}
	w.device = device.NewDevice(link, &bind{conn.NewDefaultBind(), ends.outside}, logger)
	if err := w.device.IpcSet(configure(t, ends)); err != nil {
		w.device.Close()
		return nil, err
	}
	if err := w.device.Up(); err != nil {
		w.device.Close()
		return nil, err
	}
	if err := w.adopt(t, ends); err != nil {
		w.device.Close()
		return nil, err
	}
	if t.BGP != nil {
		w.speaker = speak(t, ends.inside.namespace, clk, log)
	}
	return w, nil
}

// adopt makes the link one of the namespace's.
func (w *tunnel) adopt(t plane.Tunnel, ends tunnelEnds) error {
	h := ends.inside.link
	made, err := h.LinkByName(w.name)
	if err != nil {
		return err
	}
	if err := h.LinkSetGroup(made, int(ends.group)); err != nil {
		return err
	}
	if err := h.LinkSetAlias(made, t.ID); err != nil {
		return err
	}
	if err := h.AddrReplace(made, &netlink.Addr{IPNet: ipNet(t.Inside)}); err != nil {
		return err
	}
	if err := h.LinkSetUp(made); err != nil {
		return err
	}
	ends.inside.links[w.name] = &wire{name: w.name, index: made.Attrs().Index, group: ends.group, alias: t.ID, neighbours: map[netip.Addr]string{}}
	return nil
}

// configure is a device's configuration in the words of its protocol.
// https://www.wireguard.com/xplatform/
func configure(t plane.Tunnel, ends tunnelEnds) string {
	shared := plane.SharedKey(t.Shared)
	lines := []string{
		"private_key=" + hex.EncodeToString(t.PrivateKey), "listen_port=" + strconv.Itoa(ends.port), "replace_peers=true",
		"public_key=" + hex.EncodeToString(t.PeerKey), "preshared_key=" + hex.EncodeToString(shared[:]),
		"allowed_ip=0.0.0.0/0", "allowed_ip=::/0",
	}
	if ends.peer != 0 {
		lines = append(lines, "endpoint="+netip.AddrPortFrom(t.Customer, uint16(ends.peer)).String())
	}
	return strings.Join(append(lines, "persistent_keepalive_interval=1"), "\n") + "\n"
}

// look asks the device what it has heard since it was looked at last; changed
// tells whether the tunnel came up or went down.
func (w *tunnel) look(now time.Time) (changed bool) {
	text, err := w.device.IpcGet()
	if err != nil {
		return false
	}
	var in, out uint64
	for _, line := range strings.Split(text, "\n") {
		name, value, _ := strings.Cut(line, "=")
		n, _ := strconv.ParseUint(value, 10, 64)
		switch name {
		case "rx_bytes":
			in = n
		case "tx_bytes":
			out = n
		}
	}
	w.silences++
	if in > w.in {
		w.silences = 0
	}
	w.in, w.out = in, out
	changed = w.speaker.news()
	if up := w.silences < tunnelSilence; up != w.up {
		w.up, w.changed = up, now
		changed = true
	}
	return changed
}

// leads is where the tunnel leads: what the other end announces, or else what
// is known of it.
func (w *tunnel) leads(t plane.Tunnel) []netip.Prefix {
	if t.BGP == nil {
		return t.Destinations
	}
	_, list := w.speaker.learned()
	return list
}

func (w *tunnel) alive() bool { return w.up }

func (w *tunnel) status() plane.TunnelStatus {
	s := plane.TunnelStatus{Up: w.up, Changed: w.changed, In: w.in, Out: w.out}
	s.Established, s.Learned = w.speaker.learned()
	return s
}

func (w *tunnel) close() {
	w.speaker.close()
	w.device.Close()
}

// bind opens a device's sockets in a namespace.
type bind struct {
	conn.Bind
	ns *namespace
}

// Open implements conn.Bind.
func (b *bind) Open(port uint16) (receive []conn.ReceiveFunc, actual uint16, err error) {
	err = b.ns.do(func() error {
		var e error
		receive, actual, e = b.Bind.Open(port)
		return e
	})
	return receive, actual, err
}
