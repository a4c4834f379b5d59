package main

import (
	"encoding/json"
	"go/format"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMerge(t *testing.T) {
	for _, c := range []struct{ name, base, over, want string }{
		{"objects merge, order stays", `{"b":{"y":1,"x":2},"a":1}`, `{"b":{"z":3,"y":4}}`, `{"b":{"y":4,"x":2,"z":3},"a":1}`},
		{"null removes", `{"a":1,"b":2}`, `{"a":null}`, `{"b":2}`},
		{"lists are replaced", `{"a":[1,2]}`, `{"a":[3]}`, `{"a":[3]}`},
		{"plus appends", `{"a":[1,2]}`, `{"+a":[3]}`, `{"a":[1,2,3]}`},
		{"plus begins a list", `{}`, `{"+a":[3]}`, `{"a":[3]}`},
	} {
		base, over := parseObject(t, c.base), parseObject(t, c.over)
		if err := merge(base, over); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got, err := json.Marshal(base); err != nil || string(got) != c.want {
			t.Errorf("%s: %s %v, want %s", c.name, got, err, c.want)
		}
	}
	if err := merge(parseObject(t, `{}`), parseObject(t, `{"gone":null}`)); err == nil {
		t.Error("an overlay removes what is not there, unnoticed")
	}
}

func parseObject(t *testing.T, s string) *object {
	t.Helper()
	v, err := parseOrdered([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return v.(*object)
}

func TestNames(t *testing.T) {
	for value, want := range map[string]string{
		"GLACIER_IR": "GlacierIr", "public-read": "PublicRead", "aws:kms": "AwsKms", "s3:ObjectCreated:*": "S3ObjectCreatedStar",
		"SentTimestamp": "SentTimestamp", "us-east-1": "UsEast1", "AES256": "Aes256",
	} {
		if got := enumWord(value); got != want {
			t.Errorf("%s is %s, want %s", value, got, want)
		}
	}
	for name, want := range map[string]string{"tags": "Tags", "x-y": "X_y", "KMS.NotFound": "KMS_NotFound", "1st": "X1st"} {
		if got := exported(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// Every service generates code that formats, and the same twice.
func TestGenerateIsStable(t *testing.T) {
	models := modelsDir()
	for _, s := range services {
		var first map[string][]byte
		for range 2 {
			m, err := load(models, "../../models/overlay", s)
			if err != nil {
				t.Fatal(err)
			}
			files := generate(m)
			if first == nil {
				first = files
			}
			for name, b := range files {
				if string(first[name]) != string(b) {
					t.Errorf("%s/%s comes out in two ways", s.name, name)
				}
				if f, err := format.Source(b); err != nil || string(f) != string(b) {
					t.Errorf("%s/%s is not formatted: %v", s.name, name, err)
				}
			}
		}
	}
}

// The overlays are JSON, name only services that are generated, and carry no
// prose.
func TestOverlays(t *testing.T) {
	names := map[string]bool{}
	for _, s := range services {
		names[s.name] = true
	}
	files, err := filepath.Glob("../../models/overlay/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no overlays")
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !names[strings.TrimSuffix(filepath.Base(path), ".json")] {
			t.Errorf("%s is for no service", path)
		}
		if _, err := parseOrdered(b); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if strings.Contains(string(b), `"documentation"`) {
			t.Errorf("%s holds documentation", path)
		}
	}
}
