package main

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"pileus/node"
)

func connectCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "connect HOST:PORT", Short: "Reach a public address of the cloud from this machine", Args: cobra.ExactArgs(1),
		Long: `Connect standard input and output with a public address of the cloud: an
instance's, a load balancer's, or a name of either. With --listen, connections
to a port of this machine lead there, until Ctrl-C.

Where pileus runs as root, this machine reaches these addresses as any others.
Without root it does not, and this is the way, as is the cloud's own port, which
is a SOCKS 5 proxy for programs on this machine.`,
		Example: `  pileus connect 198.18.0.7:80 --listen 127.0.0.1:8080
  ssh -o ProxyCommand='pileus connect %h:%p' -i key.pem ec2-user@198.18.0.7
  curl --proxy socks5h://127.0.0.1:4566 http://198.18.0.7/`,
		RunE: func(c *cobra.Command, args []string) error {
			dial, err := throughCloud(connect(c))
			if err != nil {
				return err
			}
			at, _ := c.Flags().GetString("listen")
			if at == "" {
				return join(c.Context(), dial, args[0])
			}
			return forward(c, dial, at, args[0])
		},
	}
	c.Flags().String("listen", "", "address of this machine whose connections lead there; port 0 picks a free one")
	return c
}

// dialer connects with an address of the cloud.
type dialer func(ctx context.Context, address string) (net.Conn, error)

// throughCloud dials by way of the cloud's port, which is a SOCKS 5 proxy.
func throughCloud(k client) (dialer, error) {
	at, err := url.Parse(k.endpoint)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, address string) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", at.Host)
		if err != nil {
			return nil, fmt.Errorf("no cloud answers at %s: %w", k.endpoint, err)
		}
		if err := askProxy(c, address); err != nil {
			c.Close()
			return nil, fmt.Errorf("%s cannot be reached: %w", address, err)
		}
		return c, nil
	}, nil
}

// refusals are what a proxy's answers mean (RFC 1928, 6).
var refusals = map[byte]string{
	1: "the cloud's networks are simulated", 2: "it is no public address of the cloud", 3: "its network cannot be reached",
	4: "nobody answers there, or a security group or network ACL is in the way", 5: "nobody listens there",
}

// askProxy has a proxy connect c with an address.
func askProxy(c net.Conn, address string) error {
	host, number, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	port, err := strconv.ParseUint(number, 10, 16)
	if err != nil || len(host) > 255 {
		return fmt.Errorf("%q is no address", address)
	}
	ask := []byte{5, 1, 0, 5, 1, 0, 3, byte(len(host))} // no password; connect, with a name
	ask = binary.BigEndian.AppendUint16(append(ask, host...), uint16(port))
	if _, err := c.Write(ask); err != nil {
		return err
	}
	answer := make([]byte, 2+10)
	if _, err := io.ReadFull(c, answer); err != nil {
		return fmt.Errorf("the cloud is no proxy for it: %w", err)
	}
	if code := answer[3]; code != 0 {
		return errors.New(cmp.Or(refusals[code], fmt.Sprintf("the proxy answers %d", code)))
	}
	return nil
}

// join leads standard input there, and what comes back to standard output.
func join(ctx context.Context, dial dialer, to string) error {
	far, err := dial(ctx, to)
	if err != nil {
		return err
	}
	defer far.Close()
	context.AfterFunc(ctx, func() { far.Close() })
	go func() {
		_, _ = io.Copy(far, os.Stdin) // the other direction tells what went wrong
		closeWrite(far)
	}()
	_, err = io.Copy(os.Stdout, far)
	return err
}

// closeWrite tells the other side that no more will come.
func closeWrite(c net.Conn) {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // it has gone, then
	}
}

// forward leads the connections of a port there.
func forward(c *cobra.Command, dial dialer, at, to string) error {
	ctx := c.Context()
	l, err := net.Listen("tcp", at)
	if err != nil {
		return err
	}
	defer l.Close()
	context.AfterFunc(ctx, func() { l.Close() })
	fmt.Fprintf(c.OutOrStdout(), "%s leads to %s\n", l.Addr(), to)
	for {
		near, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			defer near.Close()
			far, err := dial(ctx, to)
			if err != nil {
				fmt.Fprintln(c.ErrOrStderr(), "pileus:", err)
				return
			}
			defer far.Close()
			go func() {
				_, _ = io.Copy(far, near)
				closeWrite(far)
			}()
			_, _ = io.Copy(near, far)
		}()
	}
}

// unreachable tells whether this machine has no way of its own to the cloud's
// public addresses.
func unreachable(ctx context.Context, k client) bool {
	var s node.Status
	if k.do(ctx, http.MethodGet, "/_pileus/status", nil, &s) != nil {
		return false
	}
	for _, f := range s.Plane.Features {
		if strings.HasPrefix(f.Name, "the host reaches ") && !f.Works {
			return true
		}
	}
	return false
}
