package iam_test

import (
	"testing"

	api "pileus/api/iam"
	"pileus/node/nodetest"
	"pileus/service/iam"
)

// The root user may have two keys. The account id that this cloud takes for a
// key is not one of them; the one that it starts with is.
func TestRootHasRoomForASecondKey(t *testing.T) {
	w := nodetest.New(t, iam.Module())
	nodetest.Do(w, &api.CreateAccessKey, &api.CreateAccessKeyInput{})
	if _, err := nodetest.Try(w, &api.CreateAccessKey, &api.CreateAccessKeyInput{}); !api.ErrLimitExceeded.Is(err) {
		t.Errorf("a third key: %v", err)
	}
}
