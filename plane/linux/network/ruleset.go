//go:build linux

package network

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// ruleset is the content of our table in one namespace, as it should be or as
// it is.
type ruleset struct {
	sets   map[string]*set
	chains map[string]*chain
}

func newRuleset() *ruleset {
	return &ruleset{sets: map[string]*set{}, chains: map[string]*chain{}}
}

// setKind is the shape of a set.
type setKind struct {
	key      nftables.SetDatatype
	interval bool                 // elements are ranges in each field
	value    nftables.SetDatatype // of a map; verdicts for a map of chains
	counted  bool                 // elements count the packets that they match
	dynamic  bool                 // packets make the elements, which age
}

var (
	kindName     = setKind{key: nftables.TypeIFName}
	kindZone     = setKind{key: nftables.TypeDevGroup}
	kindPair     = setKind{key: nftables.MustConcatSetType(nftables.TypeDevGroup, nftables.TypeDevGroup)}
	kindSkip     = setKind{key: nftables.MustConcatSetType(nftables.TypeCTDir, nftables.TypeMark)}
	kindProtocol = setKind{key: nftables.TypeInetProto}
	kindOwned4   = setKind{key: nftables.MustConcatSetType(nftables.TypeIFName, nftables.TypeIPAddr)}
	kindOwned6   = setKind{key: nftables.MustConcatSetType(nftables.TypeIFName, nftables.TypeIP6Addr)}
	kindAddress4 = setKind{key: nftables.TypeIPAddr}
	kindAddress6 = setKind{key: nftables.TypeIP6Addr}
	kindMap4     = setKind{key: nftables.TypeIPAddr, value: nftables.TypeIPAddr}
	kindByName   = setKind{key: nftables.TypeIFName, value: nftables.TypeVerdict}
	kindByGroup  = setKind{key: nftables.TypeDevGroup, value: nftables.TypeVerdict}
	kindByProto  = setKind{key: nftables.TypeInetProto, value: nftables.TypeVerdict}
	kindBill     = setKind{key: nftables.TypeIFName, counted: true}
	// Protocol, port (or ICMP type and code) and address of a group's rules.
	kindRules4 = setKind{key: nftables.MustConcatSetType(nftables.TypeInetProto, nftables.TypeMark, nftables.TypeIPAddr), interval: true}
	kindRules6 = setKind{key: nftables.MustConcatSetType(nftables.TypeInetProto, nftables.TypeMark, nftables.TypeIP6Addr), interval: true}
	// Protocol and address: ranges of addresses.
	kindRanges4 = setKind{key: nftables.MustConcatSetType(nftables.TypeInetProto, nftables.TypeIPAddr), interval: true}
	kindRanges6 = setKind{key: nftables.MustConcatSetType(nftables.TypeInetProto, nftables.TypeIP6Addr), interval: true}
	// Link and address: ranges of addresses.
	kindDelegated4 = setKind{key: kindOwned4.key, interval: true}
	kindDelegated6 = setKind{key: kindOwned6.key, interval: true}

	kindFlows4 = flowKind(4)
	kindFlows6 = flowKind(16)
)

// set is a set or map and its elements. A key is the bytes of the element, in
// a set of ranges those of its start and its end; the value is an address or
// the name of a chain.
type set struct {
	kind     setKind
	elements map[string]string
	// unknown says that the kernel's set has other elements than these: it was
	// found there.
	unknown bool
}

// set adds a set to the ruleset.
func (r *ruleset) set(name string, kind setKind) *set {
	s := &set{kind: kind, elements: map[string]string{}}
	r.sets[name] = s
	return s
}

func (s *set) add(parts ...[]byte) { s.elements[key(parts...)] = "" }

func (s *set) put(value string, parts ...[]byte) { s.elements[key(parts...)] = value }

// key joins fields, each filled up to whole registers.
func key(parts ...[]byte) string {
	b := make([]byte, 0, 48)
	for _, p := range parts {
		b = append(b, p...)
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
	}
	return string(b)
}

// single gives a key of one short field its true length back: only keys of
// several fields are filled up.
func (s *set) single(k []byte) []byte {
	if n := int(s.kind.key.Bytes); len(k) > n && !s.kind.interval {
		return k[:n]
	}
	return k
}

func (s *set) element(k string) nftables.SetElement {
	e := nftables.SetElement{Key: s.single([]byte(k))}
	if s.kind.interval {
		e.Key, e.KeyEnd = []byte(k[:len(k)/2]), []byte(k[len(k)/2:])
	}
	switch v := s.elements[k]; s.kind.value.Name {
	case "":
	case nftables.TypeVerdict.Name:
		e.VerdictData = chainVerdict(v)
	default:
		e.Val = []byte(v)
	}
	return e
}

// chainVerdict reads a map's value: "drop", "accept", or a chain to jump to.
func chainVerdict(v string) *expr.Verdict {
	switch v {
	case "drop":
		return &expr.Verdict{Kind: expr.VerdictDrop}
	case "accept":
		return &expr.Verdict{Kind: expr.VerdictAccept}
	}
	return &expr.Verdict{Kind: expr.VerdictJump, Chain: v}
}

// named is a set of the kind, as the kernel's interface knows it.
func (k setKind) named(name string, t *nftables.Table) *nftables.Set {
	n := &nftables.Set{Table: t, Name: name, KeyType: k.key, Interval: k.interval, Counter: k.counted, Dynamic: k.dynamic}
	n.Concatenation = k.interval
	if k.key.Name == nftables.TypeIFName.Name || k.key.Name == nftables.TypeDevGroup.Name {
		n.KeyByteOrder = binaryutil.NativeEndian // for those who list it
	}
	if k.value.Name != "" {
		n.IsMap, n.DataType = true, k.value
	}
	if k.dynamic {
		n.HasTimeout, n.Timeout, n.Size = true, flowLife, flowLimit
	}
	return n
}

// chain is a chain of rules; hook says where the kernel enters it, nil for
// those that others jump to.
type chain struct {
	hook  *hook
	rules []statement
	print string // the rules in the kernel's form, to compare them
}

type hook struct {
	kind     nftables.ChainType
	at       nftables.ChainHook
	priority nftables.ChainPriority
	policy   nftables.ChainPolicy
}

func (r *ruleset) chain(name string, rules ...statement) *chain {
	c := &chain{rules: rules}
	r.chains[name] = c
	return c
}

func (r *ruleset) hooked(name string, h hook, rules ...statement) *chain {
	c := r.chain(name, rules...)
	c.hook = &h
	return c
}

// add appends a rule.
func (c *chain) add(parts ...statement) { c.rules = append(c.rules, rule(parts...)) }

// fingerprint is the chain's rules as bytes.
func (c *chain) fingerprint() (string, error) {
	var b bytes.Buffer
	for _, r := range c.rules {
		for _, e := range r {
			m, err := expr.Marshal(unix.NFPROTO_INET, e)
			if err != nil {
				return "", err
			}
			b.Write(m)
		}
		b.WriteByte(';')
	}
	return b.String(), nil
}

// difference leads from one ruleset to another, as one transaction.
func difference(c *nftables.Conn, t *nftables.Table, have, want *ruleset) error {
	if len(have.chains) == 0 {
		c.AddTable(t)
	}
	for _, name := range sorted(want.sets) {
		if have.sets[name] == nil {
			if err := c.AddSet(want.sets[name].kind.named(name, t), nil); err != nil {
				return fmt.Errorf("set %s: %w", name, err)
			}
		}
	}
	for _, name := range sorted(want.chains) {
		if have.chains[name] == nil {
			c.AddChain(want.chains[name].table(name, t))
		}
	}
	for _, name := range sorted(want.sets) {
		if err := want.sets[name].change(c, t, name, have.sets[name]); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	for _, name := range sorted(want.chains) {
		if err := want.chains[name].change(c, t, name, have.chains[name]); err != nil {
			return fmt.Errorf("chain %s: %w", name, err)
		}
	}
	stale := slices.DeleteFunc(sorted(have.chains), func(n string) bool { return want.chains[n] != nil })
	for _, name := range stale {
		c.FlushChain(&nftables.Chain{Table: t, Name: name})
	}
	for _, name := range stale {
		c.DelChain(&nftables.Chain{Table: t, Name: name})
	}
	for _, name := range sorted(have.sets) {
		if want.sets[name] == nil {
			c.DelSet(&nftables.Set{Table: t, Name: name})
		}
	}
	return nil
}

func (c *chain) table(name string, t *nftables.Table) *nftables.Chain {
	n := &nftables.Chain{Table: t, Name: name}
	if h := c.hook; h != nil {
		n.Type, n.Hooknum, n.Priority, n.Policy = h.kind, &h.at, &h.priority, &h.policy
	}
	return n
}

// change rewrites the chain where its rules differ; the kernel swaps all rules
// of a transaction at once.
func (c *chain) change(conn *nftables.Conn, t *nftables.Table, name string, have *chain) (err error) {
	if c.print, err = c.fingerprint(); err != nil {
		return err
	}
	if have != nil && have.print == c.print {
		return nil
	}
	nc := &nftables.Chain{Table: t, Name: name}
	if have != nil {
		conn.FlushChain(nc)
	}
	for _, r := range c.rules {
		conn.AddRule(&nftables.Rule{Table: t, Chain: nc, Exprs: r})
	}
	return nil
}

// change sends the elements that differ. Elements go before others come, so
// that a range can take the place of one that it overlaps.
func (s *set) change(c *nftables.Conn, t *nftables.Table, name string, have *set) error {
	if s.kind.dynamic {
		return nil
	}
	n := s.kind.named(name, t)
	var gone, fresh []nftables.SetElement
	if have != nil && have.unknown {
		c.FlushSet(n)
		have = nil
	}
	if have == s { // compiled once, and known to be there
		return nil
	}
	if have != nil {
		for k, v := range have.elements {
			if now, ok := s.elements[k]; !ok || v != now {
				gone = append(gone, have.element(k))
			}
		}
	}
	for k, v := range s.elements {
		if have != nil {
			if before, ok := have.elements[k]; ok && v == before {
				continue
			}
		}
		fresh = append(fresh, s.element(k))
	}
	for part := range slices.Chunk(gone, elementsPerMessage) {
		if err := c.SetDeleteElements(n, part); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(fresh, elementsPerMessage) {
		if err := c.SetAddElements(n, part); err != nil {
			return err
		}
	}
	return nil
}

// elementsPerMessage keeps a message's list of elements below the 64 KiB that
// its attribute can hold.
const elementsPerMessage = 250

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
