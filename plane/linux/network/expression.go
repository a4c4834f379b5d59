//go:build linux

package network

import (
	"encoding/binary"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// statement is a part of a rule: some expressions of nftables' machine.
type statement []expr.Any

// rule joins statements, evaluated in order until one does not match.
func rule(parts ...statement) statement {
	var all statement
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// Registers of 32 bits: a key of several fields fills them one after the other.
const firstRegister = unix.NFT_REG32_00

// field is something of a packet that can be loaded into registers.
type field struct {
	registers uint32 // how many it fills
	load      func(register uint32) []expr.Any
}

func meta(key expr.MetaKey, registers uint32) field {
	return field{registers, func(r uint32) []expr.Any { return []expr.Any{&expr.Meta{Key: key, Register: r}} }}
}

func payload(base expr.PayloadBase, offset, length uint32) field {
	return field{(length + 3) / 4, func(r uint32) []expr.Any {
		return []expr.Any{&expr.Payload{DestRegister: r, Base: base, Offset: offset, Len: length}}
	}}
}

func track(key expr.CtKey) field {
	return field{1, func(r uint32) []expr.Any { return []expr.Any{&expr.Ct{Key: key, Register: r}} }}
}

func constant(data []byte) field {
	return field{uint32(len(data)+3) / 4, func(r uint32) []expr.Any {
		return []expr.Any{&expr.Immediate{Register: r, Data: data}}
	}}
}

// masked is a field of 32 bits in the machine's byte order, of which only the
// bits of mask count.
func masked(f field, mask uint32) field {
	return field{1, func(r uint32) []expr.Any {
		return append(f.load(r), &expr.Bitwise{SourceRegister: r, DestRegister: r, Len: 4, Mask: native(mask), Xor: native(0)})
	}}
}

func native(v uint32) []byte { return binaryutil.NativeEndian.PutUint32(v) }

func bigEndian16(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }

// The function-like names below read as nftables' own words do.
func inName() field     { return meta(expr.MetaKeyIIFNAME, 4) }
func outName() field    { return meta(expr.MetaKeyOIFNAME, 4) }
func inIndex() field    { return meta(expr.MetaKeyIIF, 1) }
func outIndex() field   { return meta(expr.MetaKeyOIF, 1) }
func inGroup() field    { return meta(expr.MetaKeyIIFGROUP, 1) }
func outGroup() field   { return meta(expr.MetaKeyOIFGROUP, 1) }
func protocol() field   { return meta(expr.MetaKeyL4PROTO, 1) }
func packetMark() field { return meta(expr.MetaKeyMARK, 1) }
func family() field     { return meta(expr.MetaKeyNFPROTO, 1) }
func source4() field    { return payload(expr.PayloadBaseNetworkHeader, 12, 4) }
func dest4() field      { return payload(expr.PayloadBaseNetworkHeader, 16, 4) }
func source6() field    { return payload(expr.PayloadBaseNetworkHeader, 8, 16) }
func dest6() field      { return payload(expr.PayloadBaseNetworkHeader, 24, 16) }

func transport(offset, length uint32) field {
	return payload(expr.PayloadBaseTransportHeader, offset, length)
}

// load puts the fields into registers, one after the other.
func load(fields ...field) statement {
	var s statement
	r := uint32(firstRegister)
	for _, f := range fields {
		s = append(s, f.load(r)...)
		r += f.registers
	}
	return s
}

// is matches packets whose field has the value; isNot those where it differs.
func is(f field, value []byte) statement {
	return append(load(f), &expr.Cmp{Op: expr.CmpOpEq, Register: firstRegister, Data: value})
}

func isNot(f field, value []byte) statement {
	return append(load(f), &expr.Cmp{Op: expr.CmpOpNeq, Register: firstRegister, Data: value})
}

// between matches a field by its bytes, both ends included.
func between(f field, from, to []byte) statement {
	return append(load(f),
		&expr.Cmp{Op: expr.CmpOpGte, Register: firstRegister, Data: from},
		&expr.Cmp{Op: expr.CmpOpLte, Register: firstRegister, Data: to})
}

// in matches packets whose fields together are in the set; notIn the others.
func in(set string, fields ...field) statement {
	return append(load(fields...), &expr.Lookup{SourceRegister: firstRegister, SetName: set})
}

func notIn(set string, fields ...field) statement {
	return append(load(fields...), &expr.Lookup{SourceRegister: firstRegister, SetName: set, Invert: true})
}

// decide takes the verdict that the map holds for the fields; where it holds
// none, evaluation goes on with the next rule.
func decide(set string, fields ...field) statement {
	return append(load(fields...), &expr.Lookup{
		SourceRegister: firstRegister, DestRegister: unix.NFT_REG_VERDICT, IsDestRegSet: true, SetName: set})
}

// translate loads the field and replaces it in the register by what the map
// holds for it; where it holds nothing the rule ends.
func translate(set string, f field) statement {
	return append(load(f), &expr.Lookup{
		SourceRegister: firstRegister, DestRegister: firstRegister, IsDestRegSet: true, SetName: set})
}

// setAddress4 writes the register over an IPv4 header's address and mends the
// checksums of IP, TCP and UDP.
func setAddress4(offset uint32) statement {
	return statement{&expr.Payload{
		OperationType: expr.PayloadWrite, SourceRegister: firstRegister,
		Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: 4,
		CsumType: expr.CsumTypeInet, CsumOffset: 10, CsumFlags: unix.NFT_PAYLOAD_L4CSUM_PSEUDOHDR,
	}}
}

// setQuoted4 writes the register over an address in the packet that an ICMP
// error quotes, and mends the error's checksum.
func setQuoted4(offset uint32) statement {
	return statement{&expr.Payload{
		OperationType: expr.PayloadWrite, SourceRegister: firstRegister,
		Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: 4,
		CsumType: expr.CsumTypeInet, CsumOffset: 2,
	}}
}

// setMark makes the field the packet's mark.
func setMark(f field) statement {
	return append(load(f), &expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: firstRegister})
}

// markAs sets a packet's mark to a number.
func markAs(n uint32) statement {
	return statement{&expr.Immediate{Register: firstRegister, Data: native(n)}, &expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: firstRegister}}
}

// addConnectionMark sets bits of the connection's mark.
func addConnectionMark(bits uint32) statement {
	return statement{
		&expr.Ct{Key: expr.CtKeyMARK, Register: firstRegister},
		&expr.Bitwise{SourceRegister: firstRegister, DestRegister: firstRegister, Len: 4, Mask: native(^bits), Xor: native(bits)},
		&expr.Ct{Key: expr.CtKeyMARK, Register: firstRegister, SourceRegister: true},
	}
}

// count adds the packet to the element of a set of counters, which is made
// where it does not exist.
func count(set string, fields ...field) statement {
	return append(load(fields...), &expr.Dynset{
		SrcRegKey: firstRegister, SetName: set, Operation: unix.NFT_DYNSET_OP_UPDATE, Exprs: []expr.Any{&expr.Counter{}}})
}

func state(bits uint32) statement {
	return append(load(masked(track(expr.CtKeySTATE), bits)),
		&expr.Cmp{Op: expr.CmpOpNeq, Register: firstRegister, Data: native(0)})
}

func ipv4() statement { return is(family(), []byte{unix.NFPROTO_IPV4}) }
func ipv6() statement { return is(family(), []byte{unix.NFPROTO_IPV6}) }

func verdict(kind expr.VerdictKind, chain string) statement {
	return statement{&expr.Verdict{Kind: kind, Chain: chain}}
}

func accept() statement            { return verdict(expr.VerdictAccept, "") }
func drop() statement              { return verdict(expr.VerdictDrop, "") }
func giveBack() statement          { return verdict(expr.VerdictReturn, "") }
func jump(chain string) statement  { return verdict(expr.VerdictJump, chain) }
func goOn(chain string) statement  { return verdict(expr.VerdictGoto, chain) }
func masquerade() statement        { return statement{&expr.Masq{}} }
func isProtocol(p uint8) statement { return is(protocol(), []byte{p}) }
func toGroup(g uint32) statement   { return is(outGroup(), native(g)) }
func toInterface() statement       { return is(masked(outGroup(), interfaceBit), native(interfaceBit)) }
func fromInterface() statement     { return is(masked(inGroup(), interfaceBit), native(interfaceBit)) }
