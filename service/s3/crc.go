package s3

// combineCRC makes the function that joins two CRCs: with the CRC of A and of
// B and B's length it is that of AB, so that the checksum of a whole object
// follows from those of its parts. poly is the reversed polynomial, of width
// bits. Appending zero bits to A multiplies its CRC by powers of x modulo the
// polynomial; squaring gets to any length in 64 steps.
func combineCRC(poly uint64, width int) func(a, b uint64, length int64) uint64 {
	multiply := func(a, b uint64) uint64 { // modulo poly; the highest bit is x^0
		var p uint64
		for m := uint64(1) << (width - 1); m != 0; m >>= 1 {
			if a&m != 0 {
				p ^= b
			}
			if b&1 != 0 {
				b = b>>1 ^ poly
			} else {
				b >>= 1
			}
		}
		return p
	}
	return func(a, b uint64, length int64) uint64 {
		shift := uint64(1) << (width - 1) // x^0
		power := uint64(1) << (width - 9) // x^8: one byte
		for n := uint64(length); n != 0; n >>= 1 {
			if n&1 != 0 {
				shift = multiply(shift, power)
			}
			power = multiply(power, power)
		}
		return multiply(shift, a) ^ b
	}
}
