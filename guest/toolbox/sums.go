//go:build linux

package toolbox

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"strings"

	"github.com/benhoyt/goawk/interp"
	"github.com/benhoyt/goawk/parser"
)

// sum is md5sum, sha1sum and so on.
func sum(c *call) error {
	p, err := c.parse(options{letters: "cbtqs", long: map[string]string{"check": "c", "quiet": "q", "status": "s"}}, false)
	if err != nil {
		return err
	}
	make := map[string]func() hash.Hash{"md5sum": md5.New, "sha1sum": sha1.New, "sha256sum": sha256.New, "sha512sum": sha512.New}[c.name]
	of := func(r io.Reader) (string, error) {
		h := make()
		_, err := io.Copy(h, r)
		return hex.EncodeToString(h.Sum(nil)), err
	}
	if !p.has("c") {
		return c.each(p.args, func(r io.Reader, name string) error {
			s, err := of(r)
			if err == nil {
				c.printf("%s  %s\n", s, name)
			}
			return err
		})
	}
	return c.each(p.args, func(r io.Reader, _ string) error {
		return lines(r, func(l string) error {
			want, name, ok := strings.Cut(l, " ")
			if !ok {
				return nil
			}
			name = strings.TrimLeft(name, " *")
			f, err := os.Open(name)
			if err != nil {
				c.complain(err)
				return nil
			}
			defer f.Close()
			got, err := of(f)
			if err != nil {
				return err
			}
			word := "OK"
			if got != strings.ToLower(want) {
				word, c.status = "FAILED", 1
			}
			if word != "OK" || !p.has("q") {
				c.printf("%s: %s\n", name, word)
			}
			return nil
		})
	})
}

func base64Tool(c *call) error {
	p, err := c.parse(options{letters: "dDw:i", long: map[string]string{"decode": "d", "wrap": "w:", "ignore-garbage": "i"}}, false)
	if err != nil {
		return err
	}
	width := 76
	if p.has("w") {
		if _, err := fmt.Sscan(p.value("w"), &width); err != nil {
			return usage("invalid wrap size: " + p.value("w"))
		}
	}
	return c.each(p.args, func(r io.Reader, _ string) error {
		if p.has("d") || p.has("D") {
			_, err := io.Copy(c.out, base64.NewDecoder(base64.StdEncoding, r))
			return err
		}
		b, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		text := base64.StdEncoding.EncodeToString(b)
		if width == 0 {
			c.printf("%s", text)
			return nil
		}
		for len(text) > 0 {
			n := min(width, len(text))
			c.printf("%s\n", text[:n])
			text = text[n:]
		}
		return nil
	})
}

// awk is GoAWK.
func awk(c *call) error {
	p, err := c.parse(options{letters: "F:v:f:"}, true)
	if err != nil {
		return err
	}
	var source []byte
	args := p.args
	if p.has("f") {
		for _, name := range p.all["f"] {
			b, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			source = append(append(source, b...), '\n')
		}
	} else {
		if len(args) == 0 {
			return usage("no program")
		}
		source, args = []byte(args[0]), args[1:]
	}
	program, err := parser.ParseProgram(source, nil)
	if err != nil {
		return usage(err.Error())
	}
	config := &interp.Config{Stdin: c.in, Output: c.out, Error: c.errors, Argv0: "awk", Args: args, Environ: environ()}
	if p.has("F") {
		f := p.value("F")
		if f == "t" {
			f = "\t"
		}
		config.Vars = append(config.Vars, "FS", f)
	}
	for _, v := range p.all["v"] {
		name, value, ok := strings.Cut(v, "=")
		if !ok {
			return usage("invalid assignment " + v)
		}
		config.Vars = append(config.Vars, name, value)
	}
	status, err := interp.ExecProgram(program, config)
	if err != nil {
		return err
	}
	if status != 0 {
		return exit(status)
	}
	return nil
}

// environ is the environment as names and values in turn.
func environ() (list []string) {
	for _, e := range os.Environ() {
		name, value, _ := strings.Cut(e, "=")
		list = append(list, name, value)
	}
	return list
}

// cmpFiles tells where two files begin to differ.
func cmpFiles(c *call) error {
	p, err := c.parse(options{letters: "sl"}, false)
	if err != nil {
		return err
	}
	if len(p.args) != 2 {
		return usage("two files are needed")
	}
	a, err1 := os.ReadFile(p.args[0])
	b, err2 := os.ReadFile(p.args[1])
	if err := errors.Join(err1, err2); err != nil {
		return usage(plain(err))
	}
	if bytes.Equal(a, b) {
		return nil
	}
	at := 0
	for at < len(a) && at < len(b) && a[at] == b[at] {
		at++
	}
	if !p.has("s") {
		c.printf("%s %s differ: byte %d, line %d\n", p.args[0], p.args[1], at+1, bytes.Count(a[:at], []byte("\n"))+1)
	}
	return exit(1)
}
