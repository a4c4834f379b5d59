// Package group is the core of Auto Scaling: groups, their instances, and the
// controller that brings what is there to what is wanted.
package group
