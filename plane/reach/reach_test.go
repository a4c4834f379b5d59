package reach_test

import (
	"fmt"
	"testing"

	"pileus/plane"
	"pileus/plane/planetest"
	"pileus/plane/reach"
)

// TestMatrix holds the analysis to the packets: it tells the fate of each of the
// matrix as the data plane decides it.
func TestMatrix(t *testing.T) {
	planetest.Analysis(t, func(networks map[string]plane.VPC, p planetest.Packet) (bool, string, int) {
		a := reach.Networks(networks).Reach(reach.Question{VPC: p.VPC, Interface: p.Interface, Packet: reach.Packet{
			From: p.From, To: p.To, Protocol: p.Protocol, ToPort: p.Port}})
		why := ""
		if a.Stop != nil {
			why = fmt.Sprintf("%s at %s %s, answers %v", a.Stop.Code, a.Stop.Kind, a.Stop.ID, a.Stop.Answers)
		}
		return a.Reached, why, len(a.Through)
	})
}
