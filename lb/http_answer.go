package lb

import (
	"net/http"
	"strconv"
	"time"
)

// statusTexts are the codes that load balancers answer with themselves, where
// AWS's words are others than Go's.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
var statusTexts = map[int]string{
	405: "Not Allowed",
	408: "Request Time-out",
	414: "Request-URI Too Large",
	413: "Request Entity Too Large",
	460: "460",
	463: "463",
	464: "464",
	503: "Service Temporarily Unavailable",
	504: "Gateway Time-out",
	505: "HTTP Version Not Supported",
	561: "561",
}

// classicTexts are those of classic load balancers, whose answers have no body.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/ts-elb-error-message.html
var classicTexts = map[int]string{
	400: "BAD_REQUEST",
	408: "REQUEST_TIMEOUT",
	502: "BAD_GATEWAY",
	503: "Service Unavailable: Back-end server is at capacity",
	504: "GATEWAY_TIMEOUT",
}

// text is the reason that stands behind an answer's code.
func (a *answer) text() string {
	if a.classic && classicTexts[a.status] != "" {
		return classicTexts[a.status]
	}
	return statusText(a.status)
}

// of is the answer as a kind of load balancer gives it.
func (a *answer) of(classic bool) *answer {
	if classic {
		return &answer{status: a.status, classic: true}
	}
	return a
}

func statusText(code int) string {
	if s, ok := statusTexts[code]; ok {
		return s
	}
	return http.StatusText(code)
}

// answer is an answer of the balancer's own.
type answer struct {
	status      int
	contentType string
	body        string
	location    string
	classic     bool
}

// page is the answer to what could not be done.
func page(status int) *answer {
	title := strconv.Itoa(status)
	if s := statusText(status); s != title {
		title += " " + s
	}
	return &answer{status: status, contentType: "text/html", body: "<html>\r\n<head><title>" + title +
		"</title></head>\r\n<body>\r\n<center><h1>" + title + "</h1></center>\r\n</body>\r\n</html>\r\n"}
}

// redirected is the answer of a redirect.
func redirected(status int, to string) *answer {
	a := page(status)
	a.location = to
	return a
}

// header calls each with the headers of an answer, without those of the
// connection.
func (a *answer) header(attrs *HTTPAttributes, now time.Time, each func(name, value string)) {
	if a.classic {
		each("Content-Length", "0")
		return
	}
	if !attrs.ServerHeaderOff {
		each("Server", "awselb/2.0")
	}
	each("Date", now.Format(http.TimeFormat))
	if a.contentType != "" {
		each("Content-Type", a.contentType)
	}
	each("Content-Length", strconv.Itoa(len(a.body)))
	if a.location != "" {
		each("Location", a.location)
	}
	for name, value := range attrs.Add {
		each(name, value)
	}
}
