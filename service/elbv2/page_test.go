package elbv2_test

import (
	"testing"

	api "pileus/api/elbv2"
	"pileus/node/nodetest"
)

// TestPagesOfWhatIsDeleted: scripts that clean up delete what a page has shown
// before they ask for the next.
func TestPagesOfWhatIsDeleted(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		nodetest.Do(w.World, &api.CreateTargetGroup, &api.CreateTargetGroupInput{Name: name, Protocol: new("HTTP"), Port: new(int32(80)), VpcId: &w.vpc})
	}
	in, gone := &api.DescribeTargetGroupsInput{PageSize: new(int32(2))}, 0
	for pages := 0; pages == 0 || in.Marker != nil; pages++ {
		if pages == 4 {
			t.Fatal("the pages do not end")
		}
		out := nodetest.Do(w.World, &api.DescribeTargetGroups, in)
		for _, g := range out.TargetGroups {
			nodetest.Do(w.World, &api.DeleteTargetGroup, &api.DeleteTargetGroupInput{TargetGroupArn: *g.TargetGroupArn})
			gone++
		}
		in.Marker = out.NextMarker
	}
	if gone != 5 {
		t.Errorf("%d were shown", gone)
	}
	_, err := nodetest.Try(w.World, &api.DescribeTargetGroups, &api.DescribeTargetGroupsInput{Marker: new("abc")})
	wants(t, err, "ValidationError", "marker")
}
