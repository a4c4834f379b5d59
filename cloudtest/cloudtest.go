// Package cloudtest runs a whole cloud inside a test of yours:
//
//	c := cloudtest.Start(t)
//	client := s3.NewFromConfig(c.Config(), func(o *s3.Options) { o.UsePathStyle = true })
//
// It is ephemeral, listens on a free port of the loopback interface, is ready
// in some milliseconds, and ends with the test. Its clock stands still at
// nodetest.Epoch until Advance moves it.
package cloudtest

import (
	"testing"

	"pileus/all"
	"pileus/clock"
	"pileus/node"
	"pileus/node/nodetest"
)

// Cloud is a running cloud: its Endpoint, AWS configurations (Config, ConfigAs),
// clock (Advance, Now), users with policies (User), and the means to wait for
// what happens in the background (Drain).
type Cloud = nodetest.World

// Start starts a cloud with every service.
func Start(t testing.TB) *Cloud {
	t.Helper()
	return nodetest.Start(t, node.Options{Modules: all.Modules, Clock: clock.Still(nodetest.Epoch)})
}
