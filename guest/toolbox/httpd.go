//go:build linux

package toolbox

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/cgi"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"pileus/clock"
)

// httpd serves files over HTTP: httpd -p 80 -h /var/www/html. What can be
// executed in cgi-bin is.
func httpd(c *call) error {
	p, err := c.parse(options{letters: "p:h:fvu:D:c", long: map[string]string{"port": "p:", "home": "h:", "directory": "h:"}}, false)
	if err != nil {
		return err
	}
	port, root := "80", "."
	if p.has("p") {
		port = p.value("p")
	}
	if p.has("h") {
		root = p.value("h")
	}
	if !isFolder(root) {
		return fmt.Errorf("%s is not a directory", root)
	}
	address := port
	if !strings.Contains(port, ":") {
		address = ":" + port
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %s", address, sentence(unwrap(err)))
	}
	if p.has("u") {
		if err := dropTo(p.value("u")); err != nil {
			return err
		}
	}
	s := &http.Server{Handler: logged{&site{root: root}, c}, ErrorLog: log.New(c.errors, "", 0)}
	return s.Serve(l)
}

// dropTo goes on as another user.
func dropTo(user string) error {
	f := lookup("/etc/passwd", user)
	if len(f) < 4 {
		return fmt.Errorf("no user %q", user)
	}
	uid, err1 := strconv.Atoi(f[2])
	gid, err2 := strconv.Atoi(f[3])
	return errors.Join(err1, err2, syscall.Setgroups([]int{gid}), syscall.Setgid(gid), syscall.Setuid(uid))
}

// site is what is served.
type site struct{ root string }

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "pileus-httpd")
	if rest, ok := strings.CutPrefix(r.URL.Path, "/cgi-bin/"); ok {
		name, _, _ := strings.Cut(rest, "/")
		program := filepath.Join(s.root, "cgi-bin", filepath.Base(name))
		if i, err := os.Stat(program); err == nil && i.Mode().IsRegular() && i.Mode()&0o111 != 0 {
			(&cgi.Handler{Path: program, Root: "/cgi-bin/" + name, Dir: s.root}).ServeHTTP(w, r)
			return
		}
	}
	http.FileServer(http.Dir(s.root)).ServeHTTP(w, r)
}

// logged writes the line of each request that web servers write.
type logged struct {
	http.Handler
	c *call
}

type counted struct {
	http.ResponseWriter
	status int
	bytes  atomic.Int64
}

func (w *counted) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *counted) Write(b []byte) (int, error) {
	n, err := w.ResponseWriter.Write(b)
	w.bytes.Add(int64(n))
	return n, err
}

func (l logged) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := &counted{ResponseWriter: w, status: http.StatusOK}
	l.Handler.ServeHTTP(n, r)
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	l.c.printf("%s - - [%s] \"%s %s %s\" %d %d\n", host, clock.Machine().Format("02/Jan/2006:15:04:05 -0700"), r.Method, r.RequestURI, r.Proto, n.status, n.bytes.Load())
}

// readPool reads authorities from a file.
func readPool(name string) (*x509.CertPool, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%s: no certificate in it", name)
	}
	return pool, nil
}
