package lint

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDependenciesHaveAReason compares go.mod with docs/dependencies.md: a
// module that the code imports has a line there, and no line outlives it.
func TestDependenciesHaveAReason(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	const sdk = "github.com/aws/aws-sdk-go-v2" // one line for all its modules
	direct := map[string]bool{}
	for line := range strings.Lines(string(mod)) {
		name, rest, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "require ")), " ")
		if !strings.HasPrefix(rest, "v") || strings.Contains(rest, "// indirect") {
			continue
		}
		if strings.HasPrefix(name, sdk) {
			name = sdk
		}
		direct[name] = true
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("%s is imported and docs/dependencies.md does not say why", name)
		}
	}
	if len(direct) < 10 {
		t.Errorf("go.mod marks only %d modules as direct: go mod tidy", len(direct))
	}
	tools := map[string]bool{
		"github.com/aws/aws-sdk-go": true, // of cmd/apigen
		"gotest.tools/gotestsum":    true, // of scripts/test
	}
	for _, m := range regexp.MustCompile("`([a-z.]+\\.[a-z]+/[^`]+)`").FindAllStringSubmatch(string(page), -1) {
		if !direct[m[1]] && !tools[m[1]] {
			t.Errorf("docs/dependencies.md has a line for %s, which nothing imports", m[1])
		}
	}
}
