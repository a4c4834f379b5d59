package wire

import (
	"strconv"
	"strings"
)

// A field's tag is a list of facts divided by semicolons, each a word or
// word=value. A prefix "e." says it of a list's element or a map's value, "k."
// of a map's key.
//
//	header=N headers=P query=N uri=N status   where REST protocols put the member
//	payload                                   the member is the body
//	n=N      name in JSON, XML and query; the Go name where absent
//	q=N      name in the query and ec2 protocols, where another
//	flat     a list or map without wrapper element
//	attr     an XML attribute
//	ns=U nsp=P  XML namespace and its prefix
//	ts=unix|iso|http  timestamp format
//	req min=X max=X enum=SHAPE re=SHAPE       constraints
//	union    one member of the structure is set
//	secret   not to be shown in messages or logs
//	token    filled in by clients: idempotency
//	jsonvalue  JSON inside of a string, base64 in headers
//	host     goes into the host name
//	evpayload evheader  member of an event
type traits struct {
	loc             location
	locName         string
	name, queryName string
	flat, attr      bool
	ns, nsPrefix    string
	ts              tsFormat
	required        bool
	min, max        *float64
	enum, pattern   string
	secret          bool
	token           bool
	jsonValue       bool
	payload         bool
	evPayload       bool
	evHeader        bool
}

// location is where REST protocols put a member.
type location uint8

const (
	inBody location = iota
	inHeader
	inHeaders // every header with a prefix, as a map
	inQuery
	inURI
	inStatus
)

// parseTag reads the facts that carry prefix and no further one.
func parseTag(tag, prefix string) (t traits) {
	for fact := range strings.SplitSeq(tag, ";") {
		fact, ok := strings.CutPrefix(fact, prefix)
		if !ok {
			continue
		}
		k, v, _ := strings.Cut(fact, "=")
		t.set(k, v)
	}
	return t
}

func (t *traits) set(k, v string) {
	switch k {
	case "header":
		t.loc, t.locName = inHeader, v
	case "headers":
		t.loc, t.locName = inHeaders, v
	case "query":
		t.loc, t.locName = inQuery, v
	case "uri":
		t.loc, t.locName = inURI, v
	case "status":
		t.loc = inStatus
	case "payload":
		t.payload = true
	case "n":
		t.name = v
	case "q":
		t.queryName = v
	case "flat":
		t.flat = true
	case "attr":
		t.attr = true
	case "ns":
		t.ns = v
	case "nsp":
		t.nsPrefix = v
	case "ts":
		t.ts = map[string]tsFormat{"unix": tsUnix, "iso": tsISO, "http": tsHTTP}[v]
	case "req":
		t.required = true
	case "min":
		t.min = number(v)
	case "max":
		t.max = number(v)
	case "enum":
		t.enum = v
	case "re":
		t.pattern = v
	case "secret":
		t.secret = true
	case "token":
		t.token = true
	case "jsonvalue":
		t.jsonValue = true
	case "evpayload":
		t.evPayload = true
	case "evheader":
		t.evHeader = true
	}
}

func number(s string) *float64 {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil
	}
	return &f
}
