//go:build linux

package machine

const launcherArgument = "launcher"

func launcher([]string) {}
