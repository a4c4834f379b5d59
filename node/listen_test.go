package node_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pileus/node"
)

func TestOnePortSpeaksHTTPAndTLS(t *testing.T) {
	w := onDisk(t)
	address := w.address()
	if status, _ := w.ask("GET", "/_pileus/health", ""); status != 200 {
		t.Errorf("plain HTTP: %d", status)
	}
	get := func(protocol string, config *tls.Config) (*http.Response, error) {
		c := &http.Client{Transport: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: protocol == "HTTP/2.0"}}
		t.Cleanup(c.CloseIdleConnections)
		return c.Get("https://" + address + "/_pileus/health")
	}
	if _, err := get("HTTP/1.1", &tls.Config{}); err == nil {
		t.Error("a client that does not know the authority trusts the cloud")
	}
	ca, err := os.ReadFile(filepath.Join(w.o.DataDir, "ca.pem"))
	w.check(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
		for _, name := range []string{"127.0.0.1", "localhost", "bucket.s3.localhost", "bucket.s3.localhost.localstack.cloud", "sqs.us-east-1.localhost.localstack.cloud"} {
			res, err := get(protocol, &tls.Config{RootCAs: pool, ServerName: name})
			if err != nil {
				t.Errorf("%s as %s: %v", protocol, name, err)
				continue
			}
			res.Body.Close()
			if res.StatusCode != 200 || res.Proto != protocol {
				t.Errorf("%s as %s: %s over %s", protocol, name, res.Status, res.Proto)
			}
		}
	}
	w.restart() // the authority is the same one, so that who trusts it still does
	again, err := os.ReadFile(filepath.Join(w.o.DataDir, "ca.pem"))
	if err != nil || string(again) != string(ca) {
		t.Errorf("another authority after a restart, %v", err)
	}
	address = w.address()
	res, err := get("HTTP/1.1", &tls.Config{RootCAs: pool})
	w.check(err)
	res.Body.Close()
}

// TestSilentConnections come from browsers and port scans.
func TestSilentConnections(t *testing.T) {
	w := inMemory(t)
	address := w.address()
	silent, err := net.Dial("tcp", address)
	w.check(err)
	defer silent.Close()
	gone, err := net.Dial("tcp", address)
	w.check(err)
	w.check(gone.Close())
	// One connection, two requests, byte by byte.
	slow, err := net.Dial("tcp", address)
	w.check(err)
	defer slow.Close()
	answers := bufio.NewReader(slow)
	for range 2 {
		for _, b := range []byte("GET /_pileus/health HTTP/1.1\r\nHost: localhost\r\n\r\n") {
			_, err := slow.Write([]byte{b})
			w.check(err)
		}
		res, err := http.ReadResponse(answers, nil)
		w.check(err)
		res.Body.Close()
		if res.StatusCode != 200 {
			t.Error(res.Status)
		}
	}
}

func TestPortInUse(t *testing.T) {
	w := inMemory(t)
	taken := w.address()
	_, err := node.Start(t.Context(), node.Options{Listen: []string{taken}})
	if err == nil || !strings.Contains(err.Error(), taken+" is in use") || !strings.Contains(err.Error(), "--port") {
		t.Errorf("starting on a port in use: %v", err)
	}
	_, err = node.Start(t.Context(), node.Options{Listen: []string{"127.0.0.1:0", taken}})
	if err == nil {
		t.Error("the second address is in use")
	}
}

func TestSeveralAddresses(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	second := other.Addr().String()
	other.Close()
	begin(t, node.Options{Listen: []string{"127.0.0.1:0", second}})
	res, err := http.Get(fmt.Sprintf("http://%s/_pileus/health", second))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
}
