//go:build linux

package toolbox

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ip shows addresses, interfaces and routes.
func ip(c *call) error {
	var args []string
	brief := false
	for _, a := range c.args {
		switch a {
		case "-br", "-brief":
			brief = true
		case "-4", "-6", "-c", "-o":
		default:
			args = append(args, a)
		}
	}
	if len(args) == 0 {
		return usage("ip addr|link|route [show]")
	}
	if len(args) > 1 && !strings.HasPrefix("show", args[1]) && !strings.HasPrefix("list", args[1]) && args[1] != "get" {
		return fmt.Errorf("%q is not supported: the network is the cloud's", strings.Join(args, " "))
	}
	switch {
	case strings.HasPrefix("address", args[0]):
		return interfaces(c, brief, true)
	case strings.HasPrefix("link", args[0]):
		return interfaces(c, brief, false)
	case strings.HasPrefix("route", args[0]):
		return routes(c)
	}
	return usage(fmt.Sprintf("object %q is unknown", args[0]))
}

func interfaces(c *call, brief, withAddresses bool) error {
	list, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, i := range list {
		var addrs []net.Addr
		if withAddresses {
			if addrs, err = i.Addrs(); err != nil {
				return err
			}
		}
		state := "DOWN"
		if i.Flags&net.FlagUp != 0 {
			state = "UP"
		}
		mac := i.HardwareAddr.String()
		if mac == "" {
			mac = "00:00:00:00:00:00"
		}
		if brief {
			c.printf("%-16s %-8s", i.Name, state)
			if !withAddresses {
				c.printf(" %s", mac)
			}
			for _, a := range addrs {
				c.printf(" %s", a)
			}
			c.printf("\n")
			continue
		}
		kind := "ether"
		if i.Flags&net.FlagLoopback != 0 {
			kind = "loopback"
		}
		c.printf("%d: %s: <%s> mtu %d state %s\n    link/%s %s\n", i.Index, i.Name, strings.ToUpper(strings.ReplaceAll(i.Flags.String(), "|", ",")), i.MTU, state, kind, mac)
		for _, a := range addrs {
			family := "inet"
			if n, ok := a.(*net.IPNet); ok && n.IP.To4() == nil {
				family = "inet6"
			}
			c.printf("    %s %s scope global %s\n", family, a, i.Name)
		}
	}
	return nil
}

// addresses prints the machine's own addresses in one line.
func addresses(c *call) error {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return err
	}
	var list []string
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			list = append(list, n.IP.String())
		}
	}
	c.printf("%s\n", strings.Join(list, " "))
	return nil
}

// routes prints the kernel's IPv4 routes.
func routes(c *call) error {
	b, err := os.ReadFile("/proc/net/route")
	if err != nil {
		return err
	}
	address := func(hex string) net.IP {
		n, _ := strconv.ParseUint(hex, 16, 32)
		ip := make(net.IP, 4)
		binary.LittleEndian.PutUint32(ip, uint32(n))
		return ip
	}
	for i, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		f := strings.Fields(line)
		if i == 0 || len(f) < 8 {
			continue
		}
		ones, _ := net.IPMask(address(f[7])).Size()
		to := fmt.Sprintf("%s/%d", address(f[1]), ones)
		if ones == 0 {
			to = "default"
		}
		c.printf("%s", to)
		if f[2] != "00000000" {
			c.printf(" via %s", address(f[2]))
		}
		c.printf(" dev %s", f[0])
		if f[6] != "0" {
			c.printf(" metric %s", f[6])
		}
		c.printf("\n")
	}
	return nil
}

// unwrap is the system's part of a network error.
func unwrap(err error) error {
	var e unix.Errno
	if errors.As(err, &e) {
		return e
	}
	return err
}

// nc connects or listens and copies both ways.
func nc(c *call) error {
	p, err := c.parse(options{letters: "lp:zvw:ukNnq:46", long: map[string]string{"listen": "l", "udp": "u", "recv-only": "N", "send-only": "N"}}, false)
	if err != nil {
		return err
	}
	network := "tcp"
	if p.has("u") {
		network = "udp"
	}
	wait := 30 * time.Second
	if p.has("w") {
		if wait, err = seconds(p.value("w")); err != nil {
			return err
		}
	}
	if p.has("l") {
		port := p.value("p")
		if port == "" && len(p.args) > 0 {
			port = p.args[len(p.args)-1]
		}
		l, err := net.Listen(network, ":"+port)
		if err != nil {
			return unwrap(err)
		}
		defer l.Close()
		for {
			conn, err := l.Accept()
			if err != nil {
				return err
			}
			c.exchange(conn)
			if !p.has("k") {
				return nil
			}
		}
	}
	if len(p.args) != 2 {
		return usage("usage: nc [-zvul] [-w seconds] host port")
	}
	ports, err := portRange(p.args[1])
	if err != nil {
		return err
	}
	for _, port := range ports {
		conn, err := net.DialTimeout(network, net.JoinHostPort(p.args[0], strconv.Itoa(port)), wait)
		if err != nil {
			c.status = 1
			if p.has("v") || !p.has("z") {
				fmt.Fprintf(c.errors, "nc: connect to %s port %d (%s) failed: %s\n", p.args[0], port, network, sentence(unwrap(err)))
			}
			continue
		}
		if p.has("v") {
			fmt.Fprintf(c.errors, "Connection to %s %d port [%s/*] succeeded!\n", p.args[0], port, network)
		}
		if p.has("z") {
			conn.Close()
			continue
		}
		c.exchange(conn)
	}
	return nil
}

func portRange(s string) (list []int, err error) {
	from, to, both := strings.Cut(s, "-")
	a, err := strconv.Atoi(from)
	b := a
	if err == nil && both {
		b, err = strconv.Atoi(to)
	}
	if err != nil || a < 1 || b > 65535 {
		return nil, usage("invalid port " + s)
	}
	for ; a <= b; a++ {
		list = append(list, a)
	}
	return list, nil
}

// exchange copies between the tool's streams and a connection until the other
// end has said all.
func (c *call) exchange(conn net.Conn) {
	defer conn.Close()
	go func() {
		io.Copy(conn, c.in)
		if t, ok := conn.(*net.TCPConn); ok {
			t.CloseWrite()
		}
	}()
	io.Copy(c.out, conn)
}

// dig, nslookup and host ask the resolver.
func dig(c *call) error {
	kind, short, name := "A", false, ""
	resolver := net.DefaultResolver
	for i := 0; i < len(c.args); i++ {
		switch a := c.args[i]; {
		case a == "+short":
			short = true
		case strings.HasPrefix(a, "+"):
		case strings.HasPrefix(a, "@"):
			resolver = askAt(a[1:])
		case a == "-x" && i+1 < len(c.args):
			kind = "PTR"
		case a == "-t" && i+1 < len(c.args):
			i++
			kind = strings.ToUpper(c.args[i])
		case strings.HasPrefix(a, "-type="):
			kind = strings.ToUpper(a[6:])
		case name != "" && c.name == "dig":
			kind = strings.ToUpper(a)
		case name != "":
			resolver = askAt(a)
		default:
			name = a
		}
	}
	if name == "" {
		return usage("no name to look up")
	}
	answers, err := ask(c.ctx, resolver, kind, name)
	var missing *net.DNSError
	switch {
	case errors.As(err, &missing) && missing.IsNotFound:
		if c.name != "dig" {
			c.printf("** server can't find %s: NXDOMAIN\n", name)
			return exit(1)
		}
		if !short {
			c.printf(";; status: NXDOMAIN\n")
		}
		return nil
	case err != nil:
		return err
	}
	for _, a := range answers {
		switch {
		case short:
			c.printf("%s\n", a)
		case c.name == "dig":
			c.printf("%s.\tIN\t%s\t%s\n", strings.TrimSuffix(name, "."), kind, a)
		case kind == "A":
			c.printf("Name:\t%s\nAddress: %s\n", name, a)
		default:
			c.printf("%s\t%s = %s\n", name, strings.ToLower(kind), a)
		}
	}
	return nil
}

// askAt is a resolver that asks one server.
func askAt(server string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, net.JoinHostPort(server, "53"))
	}}
}

func ask(ctx context.Context, r *net.Resolver, kind, name string) (list []string, err error) {
	switch kind {
	case "A", "AAAA":
		network := map[string]string{"A": "ip4", "AAAA": "ip6"}[kind]
		addrs, err := r.LookupNetIP(ctx, network, name)
		for _, a := range addrs {
			list = append(list, a.Unmap().String())
		}
		return list, err
	case "CNAME":
		s, err := r.LookupCNAME(ctx, name)
		return []string{s}, err
	case "TXT":
		all, err := r.LookupTXT(ctx, name)
		for _, t := range all {
			list = append(list, strconv.Quote(t))
		}
		return list, err
	case "MX":
		all, err := r.LookupMX(ctx, name)
		for _, m := range all {
			list = append(list, fmt.Sprintf("%d %s", m.Pref, m.Host))
		}
		return list, err
	case "NS":
		all, err := r.LookupNS(ctx, name)
		for _, n := range all {
			list = append(list, n.Host)
		}
		return list, err
	case "PTR":
		return r.LookupAddr(ctx, name)
	}
	return nil, usage("records of type " + kind + " are not supported")
}

func resolveHosts(c *call, names []string) error {
	for _, n := range names {
		addrs, err := net.DefaultResolver.LookupNetIP(c.ctx, "ip", n)
		if err != nil {
			c.status = 2
			continue
		}
		for _, a := range addrs {
			c.printf("%-15s %s\n", a.Unmap(), n)
		}
	}
	return nil
}

// ss lists sockets that listen, and with -a those that are connected.
func ss(c *call) error {
	p, err := c.parse(options{letters: "ltunpa46erH", long: map[string]string{"listening": "l", "tcp": "t", "numeric": "n"}}, false)
	if err != nil {
		return err
	}
	var owners map[string]string
	if p.has("p") {
		owners = socketOwners()
	}
	if !p.has("H") {
		c.printf("%-6s %-8s %-26s %s\n", "Netid", "State", "Local Address:Port", "Peer Address:Port")
	}
	for _, kind := range []string{"tcp", "tcp6", "udp", "udp6"} {
		if (p.has("t") || p.has("u")) && !p.has(kind[:1]) {
			continue
		}
		b, err := os.ReadFile("/proc/net/" + kind)
		if err != nil {
			continue
		}
		for i, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
			f := strings.Fields(line)
			if i == 0 || len(f) < 4 {
				continue
			}
			state := map[string]string{"01": "ESTAB", "0A": "LISTEN", "07": "UNCONN", "06": "TIME-WAIT", "08": "CLOSE-WAIT"}[f[3]]
			listens := state == "LISTEN" || state == "UNCONN"
			if !p.has("a") && listens != p.has("l") {
				continue
			}
			peer := socketAddress(f[2])
			if len(f) > 9 && owners[f[9]] != "" {
				peer = fmt.Sprintf("%-26s users:(%s)", peer, owners[f[9]])
			}
			c.printf("%-6s %-8s %-26s %s\n", kind[:3], state, socketAddress(f[1]), peer)
		}
	}
	return nil
}

// socketOwners tells of the sockets' numbers which processes have them open, as
// far as the user may see the processes' files.
func socketOwners() map[string]string {
	owners := map[string]string{}
	files, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, name := range files {
		target, err := os.Readlink(name)
		number, ok := strings.CutPrefix(target, "socket:[")
		if err != nil || !ok {
			continue
		}
		folder := filepath.Dir(filepath.Dir(name))
		comm, err := os.ReadFile(filepath.Join(folder, "comm"))
		if err != nil {
			continue // it has ended
		}
		number = strings.TrimSuffix(number, "]")
		if owners[number] != "" {
			owners[number] += ","
		}
		owners[number] += fmt.Sprintf("(%q,pid=%s,fd=%s)", strings.TrimSpace(string(comm)), filepath.Base(folder), filepath.Base(name))
	}
	return owners
}

// socketAddress reads an address as /proc/net writes it: words of the host's
// order in hexadecimal.
func socketAddress(s string) string {
	host, port, _ := strings.Cut(s, ":")
	n, _ := strconv.ParseUint(port, 16, 16)
	address := make(net.IP, len(host)/2)
	for i := 0; i+8 <= len(host); i += 8 {
		w, _ := strconv.ParseUint(host[i:i+8], 16, 32)
		binary.LittleEndian.PutUint32(address[i/2:], uint32(w))
	}
	return net.JoinHostPort(address.String(), strconv.Itoa(int(n)))
}
