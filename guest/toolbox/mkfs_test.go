//go:build linux

package toolbox

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestMkfs has e2fsck look at file systems of sizes at which the geometry
// changes.
func TestMkfs(t *testing.T) {
	check, err := exec.LookPath("e2fsck")
	if err != nil {
		t.Skip("SKIPPED: e2fsck is not installed")
	}
	const mib = 1 << 20
	for name, size := range map[string]int64{
		"least": 8 * mib, "odd": 100*mib + 4097, "one group": 128 * mib, "a little more": 129 * mib, "a few": 700 * mib, "many": 10 << 30, "with a short last group": 128*9*mib + 3*mib,
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "disk")
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(file, size); err != nil {
				t.Fatal(err)
			}
			if status := Run(t.Context(), "mkfs.ext4", []string{"-q", "-L", "data", file}); status != 0 {
				t.Fatalf("mkfs.ext4: status %d", status)
			}
			out, err := exec.Command(check, "-f", "-n", file).CombinedOutput()
			if err != nil {
				t.Errorf("e2fsck: %v\n%s", err, out)
			}
		})
	}
}
