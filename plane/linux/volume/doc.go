// Package volume keeps volumes as sparse files that appear as block devices
// through the kernel's loop driver.
//
//	volume.go   what a cloud's volumes are kept with; what this machine can do
//	file.go     create, grow, remove, list
//	content.go  reading and filling a volume; the extents that hold data
//	loop.go     block devices
//	mounts.go   where a device is mounted, in whichever machine
//	freeze.go   one moment of a volume that is being written
//	limit.go    I/O limits by cgroup
//	encrypted.go  encrypted volumes: ciphertext and sealed key beside it
//	cipher.go   their processes: started, watched, found again, ended
//	succession.go  what becomes of a volume whose process dies
//	view.go     what such a process does
//	wire.go     how it speaks with the kernel
//	mount.go    the file that it shows
//	root.go     root volumes from templates
//	image.go    imported images
//	unpack.go   tar archives into a folder
//	copy.go     copies that share blocks, or at least the holes
//
// Nothing about a volume is known in memory alone: what exists are the files,
// what is open the kernel knows, and a process that takes over finds both.
package volume
