package elbv2

import "pileus/store"

// SignerID is the id of a region's key, for tests: clients learn it from what a
// target is told.
func SignerID(r store.Reader, region string) string {
	s, _ := signers.Get(r, region)
	return s.ID
}
