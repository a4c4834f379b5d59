package guest

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"pileus/guest/handoff"
	"pileus/guest/toolbox"
)

// Main does the work of a machine's first process or of a tool, and does not
// return, if the program was started under such a name. Programs that serve as
// machine.Options.Program call it before anything else.
func Main() {
	name := strings.TrimPrefix(filepath.Base(os.Args[0]), "-") // "-bash" is a login shell
	switch {
	case name == handoff.Name:
		os.Exit(run())
	case name == handoff.KernelName && os.Getpid() == 1:
		runOnKernel()
	case toolbox.Has(name):
		os.Exit(toolbox.Run(context.Background(), os.Args[0], os.Args[1:]))
	}
}
