// Command program is the machine's side of pileus alone: the first process and
// the tools. Tests use it where their own executable is not linked statically
// and so cannot run inside a machine.
package main

import (
	"fmt"
	"os"

	"pileus/guest"
)

func main() {
	guest.Main()
	fmt.Fprintln(os.Stderr, "this program runs inside machines: call it by the name of a tool")
	os.Exit(2)
}
