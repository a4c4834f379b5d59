//go:build linux

package network

import (
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"pileus/plane/planetest"
)

// open makes a cloud of its own, in a host of its own, for one test. What it
// made is gone after it.
func open(t testing.TB, cloud string) *Network {
	t.Helper()
	return openWith(t, Options{Cloud: cloud})
}

// openWith is open with options.
func openWith(t testing.TB, o Options) *Network {
	t.Helper()
	cloud := o.Cloud
	if os.Geteuid() != 0 {
		t.Skip("needs root, in a user namespace at least: `unshare --user --map-root-user --net --mount`")
	}
	path := filepath.Join(runNetNS, "pileus-test-host-"+cloud)
	removeNamespace(path)
	host, _, err := makeNamespace(path, bare)
	if err != nil {
		t.Skipf("this machine makes no network namespaces: %v", err)
	}
	host.close()
	o.HostNS = path
	n, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Clear(); err != nil {
			t.Error(err)
		}
		if err := removeNamespace(path); err != nil {
			t.Error(err)
		}
		if left, _ := filepath.Glob(filepath.Join(runNetNS, "pileus-"+cloud+"-*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
	return n
}

func rig(n *Network) planetest.Rig {
	enter := func(machine string, f func() error) error {
		ns, err := openNamespace(n.namespacePath(machine))
		if err != nil {
			return err
		}
		defer ns.close()
		return ns.do(f)
	}
	return planetest.Rig{
		Network: n,
		Router: func(machine string, translate bool) error {
			ns, err := openNamespace(n.namespacePath(machine))
			if err != nil {
				return err
			}
			defer ns.close()
			if err := ns.set(setting{"ipv4.ip_forward", "1"}, setting{"ipv4.conf.all.rp_filter", "0"}, setting{"ipv4.conf.eth0.rp_filter", "0"},
				setting{"ipv4.conf.all.send_redirects", "0"}, setting{"ipv4.conf.eth0.send_redirects", "0"}); err != nil || !translate {
				return err
			}
			r := newRuleset()
			r.hooked("translate", hook{nftables.ChainTypeNAT, *nftables.ChainHookPostrouting, *nftables.ChainPriorityNATSource, nftables.ChainPolicyAccept}, masquerade())
			return commit(ns, newRuleset(), r)
		},
		Spoof: func(machine string, from, to netip.AddrPort) error {
			return enter(machine, func() error { return spoof(from, to) })
		},
	}
}

// spoof sends a UDP packet with a header of our own.
func spoof(from, to netip.AddrPort) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	p := make([]byte, 20+8+4)
	p[0], p[8], p[9] = 0x45, 64, unix.IPPROTO_UDP
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	copy(p[12:], from.Addr().AsSlice())
	copy(p[16:], to.Addr().AsSlice())
	binary.BigEndian.PutUint16(p[20:], from.Port())
	binary.BigEndian.PutUint16(p[22:], to.Port())
	binary.BigEndian.PutUint16(p[24:], 12)
	copy(p[28:], "fake")
	return unix.Sendto(fd, p, 0, &unix.SockaddrInet4{Addr: to.Addr().As4()})
}

func TestPacketMatrix(t *testing.T) {
	planetest.PacketMatrix(t, rig(open(t, "matrix")))
}

func TestZones(t *testing.T) {
	planetest.Zones(t, rig(open(t, "zones")))
}
