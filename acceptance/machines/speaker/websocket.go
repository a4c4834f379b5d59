package main

import (
	"bufio"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
)

// accepts is what a server answers to a client's key (RFC 6455, section 4.2.2).
func accepts(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Kinds of frames.
const (
	frameText = 1
	frameEnd  = 8
)

// serveWebSocket gives every message back until the client says goodbye.
func serveWebSocket(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Sec-WebSocket-Key") == "" {
		http.Error(w, "this is for WebSockets", http.StatusBadRequest)
		return
	}
	c, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer c.Close()
	fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		accepts(r.Header.Get("Sec-WebSocket-Key")))
	for {
		kind, said, err := readFrame(rw.Reader)
		if err != nil || writeFrame(c, kind, said, false) != nil || kind == frameEnd {
			return
		}
	}
}

// callWebSocket opens a WebSocket over TLS, sends a text twice and prints what
// comes back, and ends it as both sides should.
func callWebSocket(at, ca, text string) error {
	u, err := url.Parse(at)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(ca)
	if err != nil {
		return err
	}
	roots.AppendCertsFromPEM(pem)
	c, err := tls.Dial("tcp", u.Host, &tls.Config{RootCAs: roots, ServerName: u.Query().Get("name"), NextProtos: []string{"http/1.1"}})
	if err != nil {
		return err
	}
	defer c.Close()
	key := base64.StdEncoding.EncodeToString([]byte(rand.Text())[:16])
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n", u.Path, u.Host, key)
	in := bufio.NewReader(c)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Sec-WebSocket-Accept") != accepts(key) {
		return errors.New("no WebSocket: " + resp.Status)
	}
	for range 2 {
		if err := writeFrame(c, frameText, []byte(text), true); err != nil {
			return err
		}
		_, said, err := readFrame(in)
		if err != nil {
			return err
		}
		fmt.Println(string(said))
	}
	if err := writeFrame(c, frameEnd, nil, true); err != nil {
		return err
	}
	if kind, _, err := readFrame(in); err != nil || kind != frameEnd {
		return fmt.Errorf("no farewell: %d, %w", kind, err)
	}
	return nil
}

// readFrame reads a whole message of less than 126 bytes.
func readFrame(r io.Reader) (kind byte, said []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	size := int(head[1] & 0x7f)
	if head[0]&0x80 == 0 || size > 125 {
		return 0, nil, errors.New("a frame in parts, or a large one")
	}
	mask := make([]byte, 4)
	if head[1]&0x80 != 0 {
		if _, err := io.ReadFull(r, mask); err != nil {
			return 0, nil, err
		}
	}
	said = make([]byte, size)
	_, err = io.ReadFull(r, said)
	for i := range said {
		said[i] ^= mask[i%4]
	}
	return head[0] & 0x0f, said, err
}

// writeFrame writes a whole message of less than 126 bytes, masked as those of
// clients are.
func writeFrame(w io.Writer, kind byte, says []byte, masked bool) error {
	out := []byte{0x80 | kind, byte(len(says))}
	if !masked {
		_, err := w.Write(append(out, says...))
		return err
	}
	mask := []byte(rand.Text())[:4]
	out[1] |= 0x80
	out = append(out, mask...)
	for i, b := range says {
		out = append(out, b^mask[i%4])
	}
	_, err := w.Write(out)
	return err
}
