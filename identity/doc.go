// Package identity is what the cloud knows of who may do what: accounts,
// users, groups, roles, policies, credentials, sessions and the organization's
// tree, as records of the store. The services iam, sts and organizations write
// them through their operations; the gate reads them to authenticate and
// authorise every request.
//
// Each account has a version row that every change to its records rewrites.
// What is worked out from many records (a principal with its compiled
// policies) is remembered together with the version that it was read at, so
// that a request costs one read of that row and nothing ever has to be
// invalidated, on one node or on many.
package identity
