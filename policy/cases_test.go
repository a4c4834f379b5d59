package policy

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// The cases in testdata are read by this file. Each states a rule of AWS's in
// our words and names the page of AWS's documentation that it comes from.
//
// A case begins with "## rule" and follows with lines:
//
//	page NAME                     the page, for this case and those after it
//	ask WHO ACTION RESOURCE       the request
//	owner ACCOUNT                 of the resource; the asker's own where absent
//	key NAME=V1|V2                a condition key; "key -NAME" takes it away
//	now TIME                      the request's time
//	id|boundary|session|scpN|rcpN|res|trust|endpoint STATEMENT    a policy
//	version V                     of the policies that follow
//	hassession                    session policies were passed, even if none is listed
//	rootuser                      the account's root user
//	=> REASON [LAYER]             what must come out; what follows changes the same request
//
// A STATEMENT is "Allow ACTIONS [RESOURCES] [to WHO,...] [if CONDITION-JSON]";
// actions or resources that begin with "!" make NotAction or NotResource, "to
// !" makes NotPrincipal.

const (
	home  = "111111111111"
	other = "222222222222"
)

type evalCase struct {
	file, rule, page string
	line             int
	req              Request
	set              Set
	want             string
}

// readCases reads one file of cases.
func readCases(t testing.TB, path string) (cases []evalCase) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := caseReader{t: t}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "//") {
			continue
		}
		p.at = fmt.Sprintf("%s:%d", path, n)
		if want, ok := strings.CutPrefix(line, "=> "); ok {
			c := p.c
			c.file, c.line, c.want = path, n, want
			c.req.Keys = Keys{}
			for k, v := range p.c.req.Keys {
				c.req.Keys[k] = v
			}
			if c.rule == "" || c.page == "" {
				t.Fatalf("%s: a case without rule or page", p.at)
			}
			cases = append(cases, c)
			continue
		}
		p.line(line)
	}
	return cases
}

type caseReader struct {
	t       testing.TB
	at      string
	c       evalCase
	version string
	n       int
}

func (p *caseReader) line(line string) {
	word, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	switch word {
	case "##":
		p.c = evalCase{rule: rest, page: p.c.page}
		p.version = "2012-10-17"
	case "page":
		p.c.page = rest
	case "ask":
		f := strings.SplitN(rest, " ", 3)
		p.c.req.Principal = who(f[0])
		p.c.req.Action, p.c.req.Resource = f[1], f[2]
	case "owner":
		p.c.req.ResourceAccount = rest
	case "key":
		if name, ok := strings.CutPrefix(rest, "-"); ok {
			delete(p.c.req.Keys, name)
			return
		}
		name, value, _ := strings.Cut(rest, "=")
		if p.c.req.Keys == nil {
			p.c.req.Keys = Keys{}
		}
		p.c.req.Keys[name] = strings.Split(value, "|")
	case "now":
		at, err := time.Parse(time.RFC3339, rest)
		if err != nil {
			p.t.Fatalf("%s: %v", p.at, err)
		}
		p.c.req.Now = at
	case "version":
		p.version = rest
	case "hassession":
		p.c.set.HasSession = true
	case "rootuser":
		p.c.set.Root = true
	default:
		p.policy(word, rest)
	}
}

func (p *caseReader) policy(layer, statement string) {
	set := &p.c.set
	kinds := map[string]Kind{"id": Identity, "boundary": Boundary, "session": Session, "res": ResourceBased, "trust": Trust, "endpoint": Endpoint}
	kind, ok := kinds[layer]
	level := 0
	for name, k := range map[string]Kind{"scp": SCP, "rcp": RCP} {
		if n, err := fmt.Sscanf(layer, name+"%d", &level); n == 1 && err == nil {
			kind, ok = k, true
		}
	}
	if kind == RCP {
		statement = strings.Replace(statement+" ", " if ", " to * if ", 1)
		if !strings.Contains(statement, " to * ") {
			statement += "to *"
		}
	}
	if !ok {
		p.t.Fatalf("%s: no such line: %s", p.at, layer)
	}
	text := fmt.Sprintf(`{"Version":%q,"Statement":[%s]}`, p.version, statementJSON(statement, kind))
	if p.version != "2012-10-17" && kind.identitySide() {
		kind = ResourceBased // only they may be of the older version; compiled alike
		text = strings.Replace(text, `"Effect"`, `"Principal":"*","Effect"`, 1)
	}
	doc, err := Parse(text, kind)
	if err != nil {
		p.t.Fatalf("%s: %v: %s", p.at, err, text)
	}
	p.n++
	a := Attached{fmt.Sprintf("%s-%d", layer, p.n), doc}
	switch {
	case layer == "id":
		set.Identity = append(set.Identity[:len(set.Identity):len(set.Identity)], a)
	case layer == "boundary":
		set.Boundary = &a
	case layer == "session":
		set.HasSession = true
		set.Session = append(set.Session[:len(set.Session):len(set.Session)], a)
	case layer == "res":
		set.Resource = append(set.Resource[:len(set.Resource):len(set.Resource)], a)
	case layer == "trust":
		set.Trust = true
		set.Resource = append(set.Resource[:len(set.Resource):len(set.Resource)], a)
	case layer == "endpoint":
		set.Endpoint = append(set.Endpoint[:len(set.Endpoint):len(set.Endpoint)], a)
	case kind == RCP:
		set.RCPs = atLevel(set.RCPs, level, a)
	default:
		set.SCPs = atLevel(set.SCPs, level, a)
	}
}

// atLevel is the levels with another policy, without changing them.
func atLevel(levels [][]Attached, level int, a Attached) [][]Attached {
	levels = append([][]Attached(nil), levels...)
	for len(levels) <= level {
		levels = append(levels, nil)
	}
	levels[level] = append(levels[level][:len(levels[level]):len(levels[level])], a)
	return levels
}

// statementJSON writes a statement of the compact notation as JSON.
func statementJSON(s string, kind Kind) string {
	if strings.HasPrefix(s, "{") {
		return s
	}
	m := map[string]any{}
	s, condition, has := strings.Cut(s, " if ")
	if has {
		m["Condition"] = json.RawMessage(condition)
	}
	s, to, has := strings.Cut(s, " to ")
	if has {
		element := "Principal"
		if rest, not := strings.CutPrefix(to, "!"); not {
			element, to = "NotPrincipal", rest
		}
		m[element] = principalJSON(to)
	}
	f := strings.Fields(s)
	m["Effect"] = f[0]
	list := func(element, v string) {
		if rest, not := strings.CutPrefix(v, "!"); not {
			element, v = "Not"+element, rest
		}
		m[element] = strings.Split(v, ",")
	}
	list("Action", f[1])
	if kind != Trust {
		list("Resource", f[2])
	}
	b, _ := json.Marshal(m)
	return string(b)
}

func principalJSON(to string) any {
	if to == "*" {
		return "*"
	}
	if strings.HasPrefix(to, "{") {
		return json.RawMessage(to)
	}
	m := map[string][]string{}
	for _, w := range strings.Split(to, ",") {
		typ, v := "AWS", w
		if kind, rest, ok := strings.Cut(w, "="); ok {
			typ, v = map[string]string{"svc": "Service", "fed": "Federated", "can": "CanonicalUser", "aws": "AWS"}[kind], rest
		} else if !isAccountID(w) && w != "*" {
			v = named(w)
		}
		m[typ] = append(m[typ], v)
	}
	return m
}

// named is the ARN that a Principal element has for user/x, role/x,
// session/role/x, federated/x and root, in another account after "@".
func named(w string) string {
	name, account, ok := strings.Cut(w, "@")
	if !ok {
		account = home
	}
	switch {
	case strings.HasPrefix(name, "session/"):
		return "arn:aws:sts::" + account + ":assumed-role/" + strings.TrimPrefix(name, "session/")
	case strings.HasPrefix(name, "federated/"):
		return "arn:aws:sts::" + account + ":federated-user/" + strings.TrimPrefix(name, "federated/")
	}
	return "arn:aws:iam::" + account + ":" + name
}

// who is a principal by its short name.
func who(w string) Principal {
	name, account, ok := strings.Cut(w, "@")
	if !ok {
		account = home
	}
	kind, rest, _ := strings.Cut(name, "/")
	p := Principal{Account: account, ARN: named(w), Canonical: "c0ffee" + account}
	switch kind {
	case "root":
		p.Kind, p.ID = "Account", account
	case "user":
		p.Kind, p.ID = "User", "AIDA"+strings.ToUpper(rest)+"0123456789ABCDEF"
	case "session":
		role, session, _ := strings.Cut(rest, "/")
		p.Kind, p.RoleARN = "AssumedRole", "arn:aws:iam::"+account+":role/"+role
		p.ID = "AROA" + strings.ToUpper(role) + "0123456789ABCDEF:" + session
	case "role": // a role without a session, as the simulator asks for it
		p.Kind, p.RoleARN = "AssumedRole", p.ARN
	case "federated":
		p.Kind, p.ID, p.UserARN = "FederatedUser", account+":"+rest, "arn:aws:iam::"+account+":user/alice"
	case "service":
		p = Principal{Kind: "Service", Service: rest, ARN: rest}
	case "web":
		p = Principal{Kind: "Anonymous", Federated: rest} // such calls are not signed
	default:
		p = Principal{Kind: "Anonymous"}
	}
	return p
}

var caseFiles = []string{"testdata/layers.txt", "testdata/principals.txt", "testdata/elements.txt", "testdata/conditions.txt"}

// allCases are the cases of all files; the one-line files expand to cases too.
func allCases(t testing.TB) (cases []evalCase) {
	for _, f := range caseFiles[:2] {
		cases = append(cases, readCases(t, f)...)
	}
	return append(cases, readRows(t, caseFiles[2:])...)
}

func TestCases(t *testing.T) {
	cases := allCases(t)
	for _, c := range cases {
		t.Run(fmt.Sprintf("%s:%d", strings.TrimPrefix(c.file, "testdata/"), c.line), func(t *testing.T) {
			d := Evaluate(&c.req, &c.set)
			got, _, _ := strings.Cut(c.want, " ")
			if reason := d.Reason.String(); reason != got || d.Allowed != (reason == "allowed") {
				t.Fatalf("%s (%s): got %s by %s, want %s\n%s", c.rule, c.page, reason, d.Layer, c.want, Explain(&c.req, &c.set).Text())
			}
			if _, layer, ok := strings.Cut(c.want, " "); ok && layer != layerNames[d.Layer] {
				t.Fatalf("%s (%s): decided by %s, want %s", c.rule, c.page, layerNames[d.Layer], layer)
			}
			agree(t, &c.req, &c.set)
		})
	}
	t.Logf("%d evaluation cases", len(cases))
	if len(cases) < 300 {
		t.Errorf("only %d evaluation cases, the project promises 300", len(cases))
	}
}

var layerNames = map[Kind]string{Identity: "identity", ResourceBased: "resource", Trust: "trust", Session: "session", Boundary: "boundary", SCP: "scp", RCP: "rcp", Endpoint: "endpoint"}

// agree checks that the explanation tells the same as the evaluation.
func agree(t *testing.T, r *Request, set *Set) {
	t.Helper()
	d, e := Evaluate(r, set), Explain(r, set)
	if d.Allowed != e.Allowed || d.Reason.String() != e.Reason || d.Layer.String() != e.Layer {
		t.Fatalf("Evaluate says %v by %v, Explain %v by %v", d.Reason, d.Layer, e.Reason, e.Layer)
	}
	p, s := e.decider()
	if (d.By.Statement == nil) != (s == nil) {
		t.Fatalf("Evaluate decides by %v, Explain by %v", d.By, s)
	}
	if s != nil && (p.ID != d.By.PolicyID || s.Index != d.By.Statement.Index) {
		t.Fatalf("Evaluate decides by %s, Explain by %s statement %d", d.By.PolicyID, p.ID, s.Index)
	}
}

// readRows reads files of one case a line:
//
//	KIND POLICY REQUEST yes|no # rule
//
// where KIND is action, resource (with variables from "key" lines) or a
// condition operator, whose POLICY and REQUEST are JSON lists, "-" for a key
// that the request does not have.
func readRows(t testing.TB, paths []string) (cases []evalCase) {
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		p := caseReader{t: t, version: "2012-10-17"}
		for n, line := range strings.Split(string(b), "\n") {
			p.at = fmt.Sprintf("%s:%d", path, n+1)
			line = strings.TrimSpace(line)
			switch word, _, _ := strings.Cut(line, " "); {
			case line == "" || strings.HasPrefix(line, "//"):
				continue
			case word == "page" || word == "key":
				p.line(line)
				continue
			}
			row, rule, found := strings.Cut(line, " # ")
			if !found || p.c.page == "" {
				t.Fatalf("%s: a case without rule or page", p.at)
			}
			c := rowCase(t, p.at, strings.Fields(row), p.c.req.Keys)
			c.file, c.line, c.rule, c.page = path, n+1, rule, p.c.page
			cases = append(cases, c)
		}
	}
	return cases
}

func rowCase(t testing.TB, at string, f []string, keys Keys) (c evalCase) {
	if len(f) < 4 {
		t.Fatalf("%s: too short", at)
	}
	c.req = Request{Principal: who("user/alice"), Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", Keys: Keys{}}
	for k, v := range keys {
		c.req.Keys[k] = v
	}
	kind, want := f[0], f[len(f)-1]
	m := map[string]any{"Effect": "Allow", "Action": "*", "Resource": "*"}
	switch kind {
	case "action":
		m["Action"], c.req.Action = strings.Split(f[1], ","), f[2]
	case "notaction":
		delete(m, "Action")
		m["NotAction"], c.req.Action = strings.Split(f[1], ","), f[2]
	case "resource":
		m["Resource"], c.req.Resource = strings.Split(f[1], ","), f[2]
	case "notresource":
		delete(m, "Resource")
		m["NotResource"], c.req.Resource = strings.Split(f[1], ","), f[2]
	default:
		name, key, keyed := strings.Cut(kind, "@")
		if !keyed {
			key = "test:Key"
		}
		m["Condition"] = map[string]any{name: map[string]any{key: json.RawMessage(f[1])}}
		if f[2] != "-" {
			var values []string
			if err := json.Unmarshal([]byte(f[2]), &values); err != nil {
				t.Fatalf("%s: %v", at, err)
			}
			c.req.Keys[lowerASCII(key)] = values
		}
	}
	b, _ := json.Marshal(m)
	doc, err := Parse(`{"Version":"2012-10-17","Statement":`+string(b)+`}`, Identity)
	if err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	c.set.Identity = []Attached{{"p", doc}}
	switch want {
	case "yes":
		c.want = "allowed identity"
	case "no":
		c.want = "implicitDeny identity"
	default:
		t.Fatalf("%s: yes or no", at)
	}
	return c
}
