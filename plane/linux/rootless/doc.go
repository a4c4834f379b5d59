// Package rootless gives a user without rights a place where the data plane
// works all the same: a user namespace in which he is root, with a range of
// user ids of his own, and mounts and a network that belong to it.
//
// A holder, a process that does nothing, keeps that place while pileus is not
// there, so that instances run on. `pileus up` makes it, or finds it, and
// becomes a process in it. The network stays the host's: what pileus listens
// on, and whom it calls, is as without all this.
package rootless
