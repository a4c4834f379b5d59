package lint

import (
	"slices"
	"strings"
	"testing"
)

// layer says what of ours the packages of a folder may import, and why.
type layer struct {
	folder string // of the package; "api/" is every package below api
	may    []string
	why    string
	// tests may import these as well.
	tests []string
}

// layers holds the foundation to DESIGN's layout. What is not listed may
// import anything but services (see forbidden).
var layers = []layer{
	{"rng", nil, "the foundation stands on nothing of ours", nil},
	{"clock", nil, "the foundation stands on nothing of ours", nil},
	{"sigv4", []string{"cloud"}, "signatures are pure functions of a request; only AWS's errors are shared", nil},
	{"policy", nil, "evaluation is a pure function of request and documents", nil},
	{"store", nil, "the store knows no one who uses it, and no backend", []string{"store/storetest", "store/pebble"}},
	{"store/crashtest", []string{"blob", "clock", "rng", "store", "store/"}, "a crash is about state and content, not about services", nil},
	{"store/", []string{"store", "store/", "clock", "rng"}, "a backend knows the store's contract only", nil},
	{"blob", []string{"clock", "rng", "store"}, "content knows no service", []string{"store/"}},
	{"cloud", []string{"blob", "clock", "policy", "rng", "store"}, "the vocabulary knows no service, no protocol and no backend", nil},
	{"api/", []string{"cloud"}, "generated packages are names and types", nil},
	{"wire", []string{"cloud", "wire/"}, "the codec works from descriptors, never from one service's types", []string{"api/", "wire"}},
	{"wire/", []string{"cloud", "wire", "wire/"}, "the codec works from descriptors, never from one service's types", []string{"api/"}},
}

// forbidden says why a package must not import another of ours; "" if it may.
func forbidden(from, to string, test bool) (why string) {
	if in(to, "service/") && from != "all" && room(from) != room(to) {
		return "services are reached by their API, through the cloud; only all lists them"
	}
	if in(from, "service/") && !test && slices.ContainsFunc([]string{"gate", "wire", "all", "reconcile", "store/"}, func(p string) bool { return in(to, p) }) {
		return "a service sees the cloud package's interfaces only"
	}
	for _, l := range layers {
		if !in(from, l.folder) {
			continue
		}
		may := l.may
		if test {
			may = append(slices.Clone(may), l.tests...)
			may = append(may, from, "internal/") // an external test imports its own package
		}
		if !slices.ContainsFunc(may, func(p string) bool { return in(to, p) }) {
			return l.why
		}
		return ""
	}
	return ""
}

// room is the folder of the service that a package belongs to.
func room(pkg string) string {
	p := strings.SplitN(pkg, "/", 3)
	return strings.Join(p[:min(2, len(p))], "/")
}

// in tells whether a package is the named one, or below a folder ("api/").
func in(pkg, folder string) bool {
	return pkg == folder || strings.HasSuffix(folder, "/") && strings.HasPrefix(pkg, folder)
}

func TestForbidden(t *testing.T) {
	for _, test := range []struct {
		from, to  string
		test, bad bool
	}{
		{"service/s3", "service/sqs", false, true},
		{"service/s3", "service/sqs", true, true},
		{"service/s3", "service/s3", true, false},
		{"service/s3", "service/s3/listing", false, false},
		{"service/s3", "api/sqs", false, false},
		{"service/s3", "store/pebble", false, true},
		{"service/s3", "store", false, false},
		{"service/s3", "gate", false, true},
		{"gate", "service/s3", false, true},
		{"all", "service/s3", false, false},
		{"cloud", "wire", false, true},
		{"cloud", "store", false, false},
		{"api/s3", "store", false, true},
		{"api/s3", "cloud", false, false},
		{"wire", "api/s3", false, true},
		{"wire", "api/s3", true, false},
		{"store/pebble", "store", false, false},
		{"store", "store/pebble", false, true},
		{"policy", "cloud", false, true},
		{"cmd/pileus", "all", false, false},
	} {
		if why := forbidden(test.from, test.to, test.test); (why != "") != test.bad {
			t.Errorf("%s importing %s (test: %v): %q, want forbidden: %v", test.from, test.to, test.test, why, test.bad)
		}
	}
}
