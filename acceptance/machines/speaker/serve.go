package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// about is what a target says of a request.
type about struct {
	Target, Protocol, Remote, Host, Path string
	TLS                                  bool
	Header                               http.Header
}

// serve answers on these ports until it is killed:
//
//	80     HTTP/1.1, and WebSockets at /websocket
//	443    the same over TLS
//	8080   HTTP/2 without TLS
//	9000   gRPC without TLS
//	7000   lines over TCP and packets over UDP
//	7443   lines over TLS
func serve(name string) error {
	secure, err := selfSigned()
	if err != nil {
		return err
	}
	pages := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/websocket" {
			serveWebSocket(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		// Who has gone away needs no answer.
		_ = json.NewEncoder(w).Encode(about{name, r.Proto, r.RemoteAddr, r.Host, r.URL.RequestURI(), r.TLS != nil, r.Header})
	})
	ended := make(chan error)
	var all sync.WaitGroup
	start := func(f func() error) { all.Go(func() { ended <- f() }) }
	start((&http.Server{Addr: ":80", Handler: pages}).ListenAndServe)
	start(func() error {
		return (&http.Server{Addr: ":443", Handler: pages, TLSConfig: secure}).ListenAndServeTLS("", "")
	})
	start((&http.Server{Addr: ":8080", Handler: pages, Protocols: plainHTTP2()}).ListenAndServe)
	start((&http.Server{Addr: ":9000", Handler: http.HandlerFunc(serveGRPC), Protocols: plainHTTP2()}).ListenAndServe)
	start(func() error { return serveLines(name, nil) })
	start(func() error { return serveLines(name, secure) })
	start(func() error { return servePackets(name) })
	return <-ended
}

func plainHTTP2() *http.Protocols {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}

// serveLines answers each line with itself, who answers and who asked.
func serveLines(name string, secure *tls.Config) error {
	port := ":7000"
	if secure != nil {
		port = ":7443"
	}
	l, err := net.Listen("tcp", port)
	if err != nil {
		return err
	}
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	var all sync.WaitGroup
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		all.Go(func() {
			defer c.Close()
			for in := bufio.NewScanner(c); in.Scan(); {
				fmt.Fprintf(c, "%s %s %s\n", in.Text(), name, c.RemoteAddr())
			}
		})
	}
}

// servePackets does what serveLines does with packets.
func servePackets(name string) error {
	c, err := net.ListenPacket("udp", ":7000")
	if err != nil {
		return err
	}
	b := make([]byte, 64<<10)
	for {
		n, from, err := c.ReadFrom(b)
		if err != nil {
			return err
		}
		if _, err := c.WriteTo(fmt.Appendf(nil, "%s %s %s\n", strings.TrimSpace(string(b[:n])), name, from), from); err != nil {
			return err
		}
	}
}

// selfSigned is a certificate of nobody's: targets need no other.
func selfSigned() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "target"}, NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, nil
}
