//go:build linux

package toolbox

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"pileus/clock"
)

// The statuses that curl ends with.
const (
	curlBadURL   = 3
	curlNoHost   = 6
	curlNoServer = 7
	curlRefused  = 22 // an answer of 400 and more, with -f
	curlTimeout  = 28
	curlBadTLS   = 60
	curlEmpty    = 52
)

// transfer is curl with its options.
type transfer struct {
	c       *call
	p       *parsed
	client  *http.Client
	retries int
	pause   time.Duration
	loops   int
}

var curlOptions = options{letters: "sSo:OiIX:H:d:T:kLfw:u:vm:A:e:b:c:F:Gx:#nNgqr:D:46", long: map[string]string{
	"silent": "s", "show-error": "S", "output": "o:", "remote-name": "O", "include": "i", "head": "I", "request": "X:", "header": "H:", "data": "d:", "data-ascii": "d:",
	"data-raw": "1:", "data-binary": "2:", "data-urlencode": "3:", "upload-file": "T:", "insecure": "k", "location": "L", "fail": "f", "write-out": "w:", "user": "u:",
	"verbose": "v", "max-time": "m:", "connect-timeout": "4:", "user-agent": "A:", "referer": "e:", "cookie": "b:", "form": "F:", "get": "G", "retry": "5:", "retry-delay": "6:",
	"retry-connrefused": "7", "retry-all-errors": "7", "retry-max-time": "8:", "compressed": "9", "cacert": "C:", "resolve": "R:", "fail-with-body": "B", "json": "j:", "noproxy": "P:",
	"no-progress-meter": "S", "progress-bar": "#", "range": "r:", "dump-header": "D:", "url": "U:", "create-dirs": "M", "http1.1": "g", "ipv4": "g", "no-buffer": "N", "unix-socket": "K:", "connect-to": "Q:",
	"aws-sigv4": "y:",
}}

func curl(c *call) error {
	p, err := c.parse(curlOptions, false)
	if err != nil {
		return err
	}
	t := &transfer{c: c, p: p}
	if p.has("5") {
		if t.retries, err = strconv.Atoi(p.value("5")); err != nil {
			return usage("--retry wants a number")
		}
	}
	if p.has("6") {
		if t.pause, err = seconds(p.value("6")); err != nil {
			return err
		}
	}
	if t.client, err = t.newClient(); err != nil {
		return err
	}
	urls := append(p.args, p.all["U"]...)
	if len(urls) == 0 {
		return usage("no URL specified!")
	}
	for i, u := range urls {
		if err := t.fetch(u, i); err != nil {
			return err
		}
	}
	return nil
}

func (t *transfer) newClient() (*http.Client, error) {
	dialer := &net.Dialer{}
	if t.p.has("4") {
		d, err := seconds(t.p.value("4"))
		if err != nil {
			return nil, err
		}
		dialer.Timeout = d
	}
	config := &tls.Config{InsecureSkipVerify: t.p.has("k")}
	if t.p.has("C") {
		pool, err := readPool(t.p.value("C"))
		if err != nil {
			return nil, err
		}
		config.RootCAs = pool
	}
	elsewhere := map[string]string{}
	for _, r := range t.p.all["R"] {
		if f := strings.SplitN(r, ":", 3); len(f) == 3 {
			elsewhere[f[0]+":"+f[1]] = net.JoinHostPort(strings.Trim(f[2], "[]"), f[1])
		}
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, DisableCompression: !t.p.has("9"), ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if s := t.p.value("K"); s != "" {
				return dialer.DialContext(ctx, "unix", s)
			}
			if to := elsewhere[address]; to != "" {
				address = to
			}
			return dialer.DialContext(ctx, network, address)
		},
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		if !t.p.has("L") {
			return http.ErrUseLastResponse
		}
		if t.loops = len(via); t.loops > 50 {
			return errors.New("maximum (50) redirects followed")
		}
		return nil
	}}
	if t.p.has("m") {
		d, err := seconds(t.p.value("m"))
		if err != nil {
			return nil, err
		}
		client.Timeout = d
	}
	return client, nil
}

// fetch does one URL, again where that was asked for.
func (t *transfer) fetch(address string, index int) error {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	for try := 0; ; try++ {
		watch := clock.Start()
		res, err := t.send(address)
		again := err != nil && (t.p.has("7") || isTimeout(err)) || err == nil && slices.Contains([]int{408, 429, 500, 502, 503, 504}, res.StatusCode)
		if again && try < t.retries {
			if err == nil {
				res.Body.Close()
			}
			pause := t.pause
			if pause == 0 {
				pause = time.Second << min(try, 9)
			}
			if err := clock.New().Wait(t.c.ctx, pause); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return t.failed(err, address)
		}
		return t.receive(res, address, index, watch)
	}
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

func (t *transfer) send(address string) (*http.Response, error) {
	method, body, kind, err := t.body()
	if err != nil {
		return nil, err
	}
	if t.p.has("G") && body != nil {
		b, err := io.ReadAll(body)
		if err != nil {
			return nil, err
		}
		sign := "?"
		if strings.Contains(address, "?") {
			sign = "&"
		}
		address, body, method = address+sign+string(b), nil, http.MethodGet
	}
	if t.p.has("I") {
		method = http.MethodHead
	}
	if t.p.has("X") {
		method = t.p.value("X")
	}
	if t.p.has("T") && strings.HasSuffix(address, "/") {
		address += url.PathEscape(filepath.Base(t.p.value("T")))
	}
	req, err := http.NewRequestWithContext(t.c.ctx, method, address, body)
	if err != nil {
		return nil, err
	}
	if f, ok := body.(*os.File); ok {
		if i, err := f.Stat(); err == nil && i.Mode().IsRegular() {
			req.ContentLength = i.Size()
		}
	}
	req.Header.Set("User-Agent", "curl/8.5.0")
	req.Header.Set("Accept", "*/*")
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	t.headers(req)
	if t.p.has("y") {
		if err := t.sign(req); err != nil {
			return nil, err
		}
	}
	if t.p.has("v") {
		if b, err := httputil.DumpRequestOut(req, false); err == nil {
			t.trace("> ", b)
		}
	}
	return t.client.Do(req)
}

func (t *transfer) headers(req *http.Request) {
	for letter, name := range map[string]string{"A": "User-Agent", "e": "Referer", "b": "Cookie"} {
		if t.p.has(letter) {
			req.Header.Set(name, t.p.value(letter))
		}
	}
	if t.p.has("r") {
		req.Header.Set("Range", "bytes="+t.p.value("r"))
	}
	if user, password, _ := strings.Cut(t.p.value("u"), ":"); t.p.has("u") {
		req.SetBasicAuth(user, password)
	}
	seen := map[string]bool{}
	for _, h := range t.p.all["H"] {
		name, value, ok := strings.Cut(h, ":")
		value = strings.TrimSpace(value)
		key := http.CanonicalHeaderKey(strings.TrimSpace(name))
		switch {
		case strings.EqualFold(name, "host"):
			req.Host = value
		case value == "" && ok:
			req.Header.Del(key)
		case !ok: // "Name;" sends an empty one
			req.Header[http.CanonicalHeaderKey(strings.TrimSuffix(name, ";"))] = []string{""}
		case seen[key]:
			req.Header.Add(key, value)
		default:
			req.Header.Set(key, value)
			seen[key] = true
		}
	}
}

// body is what is sent, and the method that this implies.
func (t *transfer) body() (method string, body io.Reader, kind string, err error) {
	if t.p.has("T") {
		name := t.p.value("T")
		if name == "-" {
			return http.MethodPut, t.c.in, "", nil
		}
		f, err := os.Open(name)
		return http.MethodPut, f, "", err
	}
	if t.p.has("F") {
		b, kind, err := t.form()
		return http.MethodPost, b, kind, err
	}
	var parts []string
	for _, o := range []struct {
		letter        string
		files, encode bool
	}{{"d", true, false}, {"1", false, false}, {"2", true, false}, {"3", false, true}, {"j", true, false}} {
		for _, v := range t.p.all[o.letter] {
			if name, ok := strings.CutPrefix(v, "@"); ok && o.files {
				b, err := t.data(name)
				if err != nil {
					return "", nil, "", err
				}
				v = string(b)
				if o.letter == "d" {
					v = strings.NewReplacer("\n", "", "\r", "").Replace(v)
				}
			}
			if o.encode {
				name, value, named := strings.Cut(v, "=")
				if !named {
					name, value = "", v
				}
				if v = url.QueryEscape(value); name != "" {
					v = name + "=" + v
				}
			}
			parts = append(parts, v)
		}
	}
	switch {
	case parts == nil:
		return http.MethodGet, nil, "", nil
	case t.p.has("j"):
		return http.MethodPost, strings.NewReader(strings.Join(parts, "")), "application/json", nil
	}
	return http.MethodPost, strings.NewReader(strings.Join(parts, "&")), "application/x-www-form-urlencoded", nil
}

func (t *transfer) data(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(t.c.in)
	}
	return os.ReadFile(name)
}

func (t *transfer) form() (io.Reader, string, error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range t.p.all["F"] {
		name, value, _ := strings.Cut(f, "=")
		file, ok := strings.CutPrefix(value, "@")
		if !ok {
			if err := w.WriteField(name, value); err != nil {
				return nil, "", err
			}
			continue
		}
		file, _, _ = strings.Cut(file, ";")
		text, err := t.data(file)
		if err != nil {
			return nil, "", err
		}
		p, err := w.CreateFormFile(name, filepath.Base(file))
		if err != nil {
			return nil, "", err
		}
		p.Write(text)
	}
	return &b, w.FormDataContentType(), w.Close()
}

func (t *transfer) trace(sign string, b []byte) {
	for line := range strings.Lines(strings.TrimSpace(string(b))) {
		fmt.Fprintf(t.c.errors, "%s%s\n", sign, strings.TrimSpace(line))
	}
	fmt.Fprintln(t.c.errors, strings.TrimSpace(sign))
}

func (t *transfer) receive(res *http.Response, address string, index int, watch clock.Stopwatch) error {
	defer res.Body.Close()
	head, err := httputil.DumpResponse(res, false)
	if err != nil {
		return err
	}
	if t.p.has("v") {
		t.trace("< ", head)
	}
	refused := res.StatusCode >= 400 && (t.p.has("f") || t.p.has("B"))
	out, done, err := t.output(address, index, refused && !t.p.has("B"))
	if err != nil {
		return err
	}
	if t.p.has("i") || t.p.has("I") {
		out.Write(head)
	}
	if t.p.has("D") && t.p.value("D") != "-" {
		if err := os.WriteFile(t.p.value("D"), head, 0o666); err != nil {
			return err
		}
	}
	n, err := io.Copy(out, res.Body)
	if err = errors.Join(err, done()); err != nil {
		return t.failed(err, address)
	}
	if t.p.has("w") {
		t.writeOut(res, n, watch)
	}
	if refused {
		if !t.p.has("s") || t.p.has("S") {
			fmt.Fprintf(t.c.errors, "curl: (22) The requested URL returned error: %d\n", res.StatusCode)
		}
		return exit(curlRefused)
	}
	return nil
}

// output is where the answer goes.
func (t *transfer) output(address string, index int, drop bool) (w io.Writer, done func() error, err error) {
	none := func() error { return nil }
	name := ""
	if list := t.p.all["o"]; index < len(list) {
		name = list[index]
	} else if t.p.has("O") {
		u, err := url.Parse(address)
		if err != nil || path.Base(u.Path) == "/" || path.Base(u.Path) == "." {
			return nil, nil, usage("Remote file name has no length")
		}
		name = path.Base(u.Path)
	}
	switch {
	case drop:
		return io.Discard, none, nil
	case name == "" || name == "-":
		return t.c.out, none, nil
	}
	if t.p.has("M") {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return nil, nil, err
		}
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, nil, err
	}
	return f, f.Close, nil
}

func (t *transfer) writeOut(res *http.Response, n int64, watch clock.Stopwatch) {
	format := t.p.value("w")
	if name, ok := strings.CutPrefix(format, "@"); ok {
		if b, err := t.data(name); err == nil {
			format = string(b)
		}
	}
	took := fmt.Sprintf("%.6f", watch.Elapsed().Seconds())
	location := ""
	if l, err := res.Location(); err == nil {
		location = l.String()
	}
	t.c.printf("%s", strings.NewReplacer(
		"%{http_code}", fmt.Sprintf("%03d", res.StatusCode), "%{response_code}", fmt.Sprintf("%03d", res.StatusCode), "%{size_download}", strconv.FormatInt(n, 10),
		"%{time_total}", took, "%{time_starttransfer}", took, "%{content_type}", res.Header.Get("Content-Type"), "%{url_effective}", res.Request.URL.String(),
		"%{redirect_url}", location, "%{num_redirects}", strconv.Itoa(t.loops), "%{method}", res.Request.Method,
		"%{http_version}", strings.TrimPrefix(res.Proto, "HTTP/"), `\n`, "\n", `\t`, "\t", `\r`, "\r", "%%", "%",
	).Replace(format))
}

// failed says what went wrong and ends with curl's status for it.
func (t *transfer) failed(err error, address string) error {
	status, text := curlNoServer, err.Error()
	u, _ := url.Parse(address)
	host, port := "", ""
	if u != nil {
		host, port = u.Hostname(), u.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
	}
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, io.EOF):
		status, text = curlEmpty, "Empty reply from server"
	case errors.As(err, &dns):
		status, text = curlNoHost, "Could not resolve host: "+host
	case errors.As(err, &certificate):
		status, text = curlBadTLS, "SSL certificate problem: "+certificate.Err.Error()
	case isTimeout(err):
		status, text = curlTimeout, "Connection timed out"
	case u == nil || host == "":
		status, text = curlBadURL, "URL rejected: "+address
	case errors.As(err, new(*net.OpError)):
		text = fmt.Sprintf("Failed to connect to %s port %s: %s", host, port, sentence(unwrap(err)))
	}
	if t.p.has("w") {
		t.c.printf("%s", strings.NewReplacer("%{http_code}", "000", "%{response_code}", "000", `\n`, "\n").Replace(t.p.value("w")))
	}
	if !t.p.has("s") || t.p.has("S") {
		fmt.Fprintf(t.c.errors, "curl: (%d) %s\n", status, text)
	}
	return exit(status)
}

// wget fetches files.
func wget(c *call) error {
	p, err := c.parse(options{letters: "qO:cP:T:t:Snv", long: map[string]string{
		"quiet": "q", "output-document": "O:", "no-check-certificate": "k", "header": "H:", "timeout": "T:", "tries": "t:", "post-data": "d:", "method": "X:", "spider": "I",
		"user": "u:", "password": "p:", "directory-prefix": "P:", "continue": "c", "server-response": "S", "no-verbose": "v",
	}}, false)
	if err != nil {
		return err
	}
	args := []string{"-L", "-f", "-sS"}
	for _, o := range []string{"k", "I"} {
		if p.has(o) {
			args = append(args, "-"+o)
		}
	}
	for _, h := range p.all["H"] {
		args = append(args, "-H", h)
	}
	for from, to := range map[string]string{"d": "-d", "X": "-X", "T": "-m"} {
		if p.has(from) {
			args = append(args, to, p.value(from))
		}
	}
	if p.has("u") {
		args = append(args, "-H", "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte(p.value("u")+":"+p.value("p"))))
	}
	for _, u := range p.args {
		name := p.value("O")
		if name == "" {
			if !strings.Contains(u, "://") {
				u = "http://" + u
			}
			name = path.Base(strings.SplitN(u, "?", 2)[0])
			if parsed, err := url.Parse(u); err != nil || parsed.Path == "" || strings.HasSuffix(parsed.Path, "/") {
				name = "index.html"
			}
			name = filepath.Join(p.value("P"), name)
		}
		q := &call{ctx: c.ctx, name: "wget", args: append(slices.Clone(args), "-o", name, u), in: c.in, out: c.out, errors: c.errors}
		if p.has("q") {
			q.errors = io.Discard
		}
		if err := curl(q); err != nil {
			var status exit
			if errors.As(err, &status) && status == curlRefused {
				return exit(8)
			}
			return err
		}
		if !p.has("q") && name != "-" && !p.has("I") {
			fmt.Fprintf(c.errors, "'%s' saved\n", name)
		}
	}
	return nil
}
