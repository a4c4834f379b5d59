package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParse: no text makes Parse panic, and what it accepts can be evaluated,
// explained alike, analysed, and parsed again from its own text.
func FuzzParse(f *testing.F) {
	for _, c := range allCases(f) {
		for _, a := range c.set.all() {
			f.Add(a.Doc.Text, uint8(a.Doc.Kind))
		}
	}
	paths, _ := filepath.Glob("testdata/seeds/*.json")
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		for k := Identity; k <= RCP; k++ {
			f.Add(string(b), uint8(k))
		}
	}
	f.Fuzz(func(t *testing.T, text string, kind uint8) {
		k := Kind(kind % uint8(RCP+1))
		d, err := Parse(text, k)
		if err != nil {
			if _, ok := err.(*Error); !ok {
				t.Fatalf("an error without AWS's text: %v", err)
			}
			return
		}
		for i := range d.Statements {
			s := &d.Statements[i]
			if raw := text[s.startOffset:s.endOffset]; raw[0] != '{' || raw[len(raw)-1] != '}' {
				t.Fatalf("statement %d stands at %q", i, raw)
			}
		}
		d.IsPublic()
		d.Services()
		d.Principals()
		Size(text)
		a := []Attached{{"p", d}}
		r := Request{Principal: who("user/alice"), Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", ResourceAccount: home, Keys: Keys{}}
		for i, key := range d.ContextKeys() {
			if i%2 == 0 {
				r.Keys[lowerASCII(key)] = []string{"alice", "10.0.0.1"}
			}
		}
		for _, set := range []Set{{Identity: a}, {Resource: a}, {Resource: a, Trust: true}, {Identity: a, SCPs: [][]Attached{a}, Boundary: &a[0]}, {Identity: a, RCPs: [][]Attached{a, a}}} {
			agree(t, &r, &set)
			Explain(&r, &set).Text()
		}
	})
}

// naive matches a pattern by trying everything; it is what globPieces must
// equal.
func naive(pattern, s string) bool {
	if pattern == "" {
		return s == ""
	}
	switch pattern[0] {
	case '*':
		for i := 0; i <= len(s); i++ {
			if naive(pattern[1:], s[i:]) {
				return true
			}
		}
		return false
	case '?':
		if s == "" {
			return false
		}
		_, n := utf8.DecodeRuneInString(s)
		return naive(pattern[1:], s[n:])
	}
	return s != "" && s[0] == pattern[0] && naive(pattern[1:], s[1:])
}

// naiveARN matches component by component, splitting both sides.
func naiveARN(pattern, s string) bool {
	p, v := strings.SplitN(pattern, ":", 6), strings.SplitN(s, ":", 6)
	if len(p) != 6 || len(v) != 6 {
		return false
	}
	for i := range p {
		if !naive(p[i], v[i]) {
			return false
		}
	}
	return true
}

func FuzzPattern(f *testing.F) {
	for _, seed := range [][2]string{{"*", ""}, {"", ""}, {"a*b?c", "axxbyc"}, {"**a", "ba"}, {"*a*a*a", "aaaa"}, {"?", "é"}, {"a*", "A"},
		{"arn:aws:s3:::b/*", "arn:aws:s3:::b/k"}, {"*ab*ab", "abab"}, {"s3:Get*", "s3:GetObject"}, {"a?*?b", "axyb"}, {"*?", "\xff"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, source, s string) {
		if len(source) > 24 || len(s) > 48 || strings.Count(source, "*") > 6 {
			return // the naive matcher is exponential
		}
		p := compilePattern(source, syntax{wild: true})
		if got, want := p.match(s, nil), naive(source, s); got != want {
			t.Errorf("%q against %q: %v, want %v", source, s, got, want)
		}
		p = compilePattern(source, syntax{wild: true, fold: true})
		if got, want := p.match(s, nil), naive(lowerASCII(source), lowerASCII(s)); got != want {
			t.Errorf("%q against %q without case: %v, want %v", source, s, got, want)
		}
		p = compilePattern(source, syntax{})
		if got := p.match(s, nil); got != (source == s) {
			t.Errorf("%q against %q without wildcards: %v", source, s, got)
		}
	})
}

func FuzzARNPattern(f *testing.F) {
	for _, seed := range [][2]string{{"arn:aws:s3:::*", "arn:aws:s3:::b/k"}, {"arn:*:*:*:*:*", "arn:aws:sns:us-east-1:1:t"}, {"arn:aws:s*:x:y:z", "arn:aws:s3:a:x:z"},
		{"arn:aws:?3:::b", "arn:aws:s3:::b"}, {"arn:aws:logs:*:*:g:*", "arn:aws:logs:r:a:g:s:t"}, {"arn:a*:b:::c*d", "arn:ax:b:::c:d"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, source, s string) {
		fence := arnFence(s)
		if fence == 0 || strings.Count(source, ":") < 5 || len(source) > 40 || len(s) > 60 || strings.Count(source, "*") > 6 {
			return
		}
		p := compilePattern(source, syntax{wild: true})
		if got, want := p.matchARN(s, nil, fence), naiveARN(source, s); got != want {
			t.Errorf("%q against %q: %v, want %v", source, s, got, want)
		}
	})
}
