//go:build linux

package network

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/google/nftables"
	mdnetlink "github.com/mdlayher/netlink"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"pileus/clock"
	"pileus/plane/linux/process"
)

// runNetNS is where network namespaces have their names, as `ip netns` knows
// them.
const runNetNS = "/run/netns"

// namespace is one network namespace that we hold open.
type namespace struct {
	path   string
	file   *os.File
	link   *netlink.Handle
	tables *nftables.Conn // nil until it is needed
}

// makeNamespace makes the namespace unless it exists, and has setup prepare
// it. The loopback link goes up last: where it is down, whoever made the
// namespace did not get that far, and setup runs again.
func makeNamespace(path string, setup func(*namespace) error) (ns *namespace, made bool, err error) {
	if ns, err = openNamespace(path); err != nil {
		if err := nameNamespace(path); err != nil {
			return nil, false, err
		}
		if ns, err = openNamespace(path); err != nil {
			return nil, false, err
		}
	}
	lo, err := ns.link.LinkByName("lo")
	if err == nil && lo.Attrs().RawFlags&unix.IFF_UP == 0 {
		made = true
		if err = setup(ns); err == nil {
			err = ns.link.LinkSetUp(lo)
		}
	}
	if err != nil {
		ns.close()
		return nil, false, err
	}
	return ns, made, nil
}

// nameNamespace makes a new namespace of that name.
func nameNamespace(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDONLY, 0o444)
	if err != nil {
		return err
	}
	f.Close()
	if err := pinNewNamespace(path); err != nil {
		os.Remove(path)
		return fmt.Errorf("new network namespace %s: %w", filepath.Base(path), err)
	}
	return nil
}

// bare leaves a new namespace as it is.
func bare(*namespace) error { return nil }

// pinNewNamespace makes a namespace and mounts it on path, which keeps it.
func pinNewNamespace(path string) error {
	pin := func() error { return unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, "") }
	runtime.LockOSThread()
	before, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer before.Close()
	if oneWay(before) {
		runtime.UnlockOSThread()
		return process.OnThread(func() error {
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return err
			}
			return pin()
		})
	}
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return err
	}
	err = pin()
	if back := unix.Setns(int(before.Fd()), unix.CLONE_NEWNET); back != nil {
		return errors.Join(err, back) // the thread is lost, and ends with its goroutine
	}
	runtime.UnlockOSThread()
	return err
}

// openNamespace opens one that exists.
func openNamespace(path string) (*namespace, error) {
	ns, err := visitNamespace(path)
	if err != nil {
		return nil, err
	}
	err = ns.do(func() error {
		ns.link, err = netlink.NewHandle(unix.NETLINK_ROUTE)
		return err
	})
	if err != nil {
		ns.file.Close()
		return nil, err
	}
	return ns, nil
}

// visitNamespace opens one to do something in it, without a connection to its
// links and routes.
func visitNamespace(path string) (*namespace, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil || st.Type != unix.NSFS_MAGIC && st.Type != unix.PROC_SUPER_MAGIC {
		f.Close()
		return nil, fmt.Errorf("%s is no namespace", path)
	}
	return &namespace{path: path, file: f}, nil
}

func (ns *namespace) close() {
	if ns.link != nil {
		ns.link.Close()
	}
	ns.closeNFT()
	ns.file.Close()
}

// removeNamespace takes the name away; the kernel ends the namespace when
// nothing uses it any more.
func removeNamespace(path string) error {
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("unmount %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (ns *namespace) fd() int { return int(ns.file.Fd()) }

// do runs f on a thread that is in the namespace: what f opens belongs there.
func (ns *namespace) do(f func() error) error {
	runtime.LockOSThread()
	before, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer before.Close()
	if oneWay(before) {
		runtime.UnlockOSThread()
		return process.OnThread(func() error {
			if err := ns.enter(); err != nil {
				return err
			}
			return f()
		})
	}
	if err := ns.enter(); err != nil {
		runtime.UnlockOSThread()
		return err
	}
	err = f()
	if back := unix.Setns(int(before.Fd()), unix.CLONE_NEWNET); back != nil {
		return errors.Join(err, back) // the thread is lost, and ends with its goroutine
	}
	runtime.UnlockOSThread()
	return err
}

// enter moves the calling thread into the namespace.
func (ns *namespace) enter() error {
	if err := unix.Setns(ns.fd(), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter %s: %w", filepath.Base(ns.path), err)
	}
	return nil
}

// oneWay tells whether a thread that leaves its namespace could not come back:
// it belongs to the host, and we are root in a user namespace only.
func oneWay(from *os.File) bool {
	return errors.Is(unix.Setns(int(from.Fd()), unix.CLONE_NEWNET), unix.EPERM)
}

// setting is a kernel parameter below /proc/sys/net.
type setting struct{ name, value string }

// set writes kernel parameters of the namespace. Those of IPv6 may be missing
// where the kernel has none.
func (ns *namespace) set(settings ...setting) error {
	if len(settings) == 0 {
		return nil
	}
	if slices.ContainsFunc(settings, func(s setting) bool { return strings.HasPrefix(s.name, "netfilter.") }) {
		if err := ns.loadTracking(); err != nil {
			return err
		}
	}
	return ns.do(func() error {
		for _, s := range settings {
			path := "/proc/sys/net/" + strings.ReplaceAll(s.name, ".", "/")
			err := os.WriteFile(path, []byte(s.value), 0)
			if errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(s.name, "ipv6") {
				continue
			}
			if err != nil {
				return fmt.Errorf("set net.%s: %w", s.name, err)
			}
		}
		return nil
	})
}

// loadTracking has the kernel load its connection tracking, where that is a
// module that nothing on the host has needed since it started: without it there
// are no parameters of it. A rule that asks for a connection's state loads it.
func (ns *namespace) loadTracking() error {
	there := false
	err := ns.do(func() error {
		_, err := os.Stat("/proc/sys/net/netfilter/nf_conntrack_max")
		there = err == nil
		return nil
	})
	if err != nil || there {
		return err
	}
	asking := newRuleset()
	asking.chain("tracking", rule(state(ctGoes), accept()))
	if err := commit(ns, newRuleset(), asking); err != nil {
		return fmt.Errorf("load connection tracking: %w", err)
	}
	return ns.transact(func(conn *nftables.Conn, t *nftables.Table) error {
		conn.DelTable(t)
		return nil
	})
}

// answering waits until the namespace answers at an address of its own: for
// IPv6 the kernel sees to that a moment after it took the address.
func (ns *namespace) answering(addresses ...netip.Addr) error {
	return until("IPv6 addresses become local", func() (bool, error) {
		for _, a := range addresses {
			if a.Is4() {
				continue
			}
			routes, err := ns.link.RouteGet(a.AsSlice())
			if err != nil && !errors.Is(err, unix.ENETUNREACH) && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EHOSTUNREACH) {
				return false, err
			}
			if len(routes) == 0 || routes[0].Type != unix.RTN_LOCAL {
				return false, nil
			}
		}
		return true, nil
	})
}

// until waits for what the kernel does in its own time, most often not at all.
func until(what string, done func() (bool, error)) error {
	c := clock.New()
	for range 10000 {
		if ok, err := done(); ok || err != nil {
			return err
		}
		if err := c.Wait(context.Background(), 300*time.Microsecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("waiting until %s took too long", what)
}

// nft is the connection to the namespace's nftables. It stays open: the kernel
// lets nobody close one before everything has gone that was removed by it,
// which takes a while.
func (ns *namespace) nft() (*nftables.Conn, error) {
	if ns.tables != nil {
		return ns.tables, nil
	}
	err := ns.do(func() (err error) {
		ns.tables, err = nftables.New(nftables.AsLasting(), nftables.WithSockOptions(func(c *mdnetlink.Conn) error {
			// A transaction is one message out and a row of answers back.
			return errors.Join(c.SetReadBuffer(nftBuffer), c.SetWriteBuffer(nftBuffer))
		}))
		return err
	})
	if err != nil {
		ns.tables = nil
	}
	return ns.tables, err
}

const nftBuffer = 64 << 20

// closeNFT closes that connection: after an error nobody knows what is still
// on it.
func (ns *namespace) closeNFT() {
	if ns.tables != nil {
		ns.tables.CloseLasting()
		ns.tables = nil
	}
}

// elements reads a set of our table.
func (ns *namespace) elements(name string, kind setKind) ([]nftables.SetElement, error) {
	conn, err := ns.nft()
	if err != nil {
		return nil, err
	}
	all, err := conn.GetSetElements(kind.named(name, &nftables.Table{Family: nftables.TableFamilyINet, Name: tableName}))
	if err != nil {
		ns.closeNFT()
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return all, nil
}

// transact has f fill a transaction about our table, and sends it.
func (ns *namespace) transact(f func(*nftables.Conn, *nftables.Table) error) error {
	conn, err := ns.nft()
	if err != nil {
		return err
	}
	if err = f(conn, &nftables.Table{Family: nftables.TableFamilyINet, Name: tableName}); err == nil {
		err = conn.Flush()
	}
	if err != nil {
		ns.closeNFT()
	}
	return err
}
