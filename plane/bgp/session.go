// Package bgp speaks the Border Gateway Protocol with a neighbour at the other
// end of a tunnel: it announces networks and learns those of the other side.
// Messages are gobgp's; the session is the part of RFC 4271 that two ends of
// one link need: no policies, no choice among paths.
// https://www.rfc-editor.org/rfc/rfc4271
package bgp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"pileus/clock"
)

// Port is where BGP listens.
const Port = 179

// MaxRoutes is how many routes a neighbour may announce before the session is
// ended, as on AWS.
// https://docs.aws.amazon.com/vpn/latest/s2svpn/vpn-limits.html
const MaxRoutes = 100

// hold is how long a neighbour may be silent; a third of it is how often each
// says that it is there.
const hold = 30 * time.Second

// Config is one end of a session.
type Config struct {
	Local, Peer uint32         // autonomous system numbers
	ID          netip.Addr     // of this router, and the next hop that is announced
	Networks    []netip.Prefix // announced
	Clock       clock.Clock
	// Learned is told what the neighbour announces, whenever that changes;
	// established is false once the session has ended.
	Learned func(established bool, routes []netip.Prefix)
}

// session is one connection with the neighbour.
type session struct {
	Config
	conn net.Conn
	hold time.Duration

	writing sync.Mutex
	routes  map[netip.Prefix]bool
}

// Run speaks over a connection until it ends or ctx does, and closes it.
func Run(ctx context.Context, conn net.Conn, c Config) error {
	s := &session{Config: c, conn: conn, hold: hold, routes: map[netip.Prefix]bool{}}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		_ = s.notify(bgp.BGP_ERROR_CEASE, bgp.BGP_ERROR_SUB_ADMINISTRATIVE_SHUTDOWN) // who has gone does not hear it
		conn.Close()
	})
	defer stop()
	defer conn.Close()
	if err := s.open(); err != nil {
		return fmt.Errorf("BGP with AS %d: %w", c.Peer, err)
	}
	s.tell(true)
	defer c.Learned(false, nil)
	if err := s.announce(); err != nil {
		return err
	}
	var beat sync.WaitGroup
	defer beat.Wait()
	defer cancel()
	beat.Go(func() {
		for c.Clock.Wait(ctx, s.hold/3) == nil && s.send(bgp.NewBGPKeepAliveMessage()) == nil {
		}
	})
	for {
		m, err := s.receive()
		if err != nil {
			return fmt.Errorf("BGP with AS %d: %w", c.Peer, err)
		}
		if u, ok := m.Body.(*bgp.BGPUpdate); ok {
			if err := s.update(u); err != nil {
				return err
			}
		}
	}
}

// open exchanges who both are, and checks the neighbour.
func (s *session) open() error {
	mine := uint16(bgp.AS_TRANS)
	if s.Local <= 0xffff {
		mine = uint16(s.Local)
	}
	o, err := bgp.NewBGPOpenMessage(mine, uint16(s.hold/time.Second), s.ID, []bgp.OptionParameterInterface{
		bgp.NewOptionParameterCapability([]bgp.ParameterCapabilityInterface{
			bgp.NewCapMultiProtocol(bgp.RF_IPv4_UC), bgp.NewCapFourOctetASNumber(s.Local),
		}),
	})
	if err != nil {
		return err
	}
	if err := s.send(o); err != nil {
		return err
	}
	m, err := s.receive()
	if err != nil {
		return err
	}
	theirs, ok := m.Body.(*bgp.BGPOpen)
	switch {
	case !ok:
		return s.refuse(bgp.BGP_ERROR_FSM_ERROR, 0, "the neighbour did not begin with OPEN")
	case theirs.Version != 4:
		return s.refuse(bgp.BGP_ERROR_OPEN_MESSAGE_ERROR, bgp.BGP_ERROR_SUB_UNSUPPORTED_VERSION_NUMBER, "the neighbour speaks another version")
	case systemOf(theirs) != s.Peer:
		return s.refuse(bgp.BGP_ERROR_OPEN_MESSAGE_ERROR, bgp.BGP_ERROR_SUB_BAD_PEER_AS, fmt.Sprintf("the neighbour is AS %d", systemOf(theirs)))
	case theirs.HoldTime == 1 || theirs.HoldTime == 2:
		return s.refuse(bgp.BGP_ERROR_OPEN_MESSAGE_ERROR, bgp.BGP_ERROR_SUB_UNACCEPTABLE_HOLD_TIME, "the neighbour's hold time is too short")
	}
	if t := time.Duration(theirs.HoldTime) * time.Second; t > 0 {
		s.hold = min(s.hold, t)
	}
	if err := s.send(bgp.NewBGPKeepAliveMessage()); err != nil {
		return err
	}
	if m, err = s.receive(); err == nil && m.Header.Type != bgp.BGP_MSG_KEEPALIVE {
		err = s.refuse(bgp.BGP_ERROR_FSM_ERROR, 0, "the neighbour did not confirm")
	}
	return err
}

// systemOf is the autonomous system that an OPEN names.
func systemOf(o *bgp.BGPOpen) uint32 {
	for _, p := range o.OptParams {
		list, ok := p.(*bgp.OptionParameterCapability)
		if !ok {
			continue
		}
		for _, c := range list.Capability {
			if four, ok := c.(*bgp.CapFourOctetASNumber); ok {
				return four.CapValue
			}
		}
	}
	return uint32(o.MyAS)
}

// announce tells the neighbour of our networks.
func (s *session) announce() error {
	var list []bgp.PathNLRI
	for _, p := range s.Networks {
		n, err := bgp.NewIPAddrPrefix(p.Masked())
		if err != nil {
			return err
		}
		list = append(list, bgp.PathNLRI{NLRI: n})
	}
	if len(list) == 0 {
		return nil
	}
	hop, err := bgp.NewPathAttributeNextHop(s.ID)
	if err != nil {
		return err
	}
	return s.send(bgp.NewBGPUpdateMessage(nil, []bgp.PathAttributeInterface{
		bgp.NewPathAttributeOrigin(0),
		bgp.NewPathAttributeAsPath([]bgp.AsPathParamInterface{bgp.NewAs4PathParam(bgp.BGP_ASPATH_ATTR_TYPE_SEQ, []uint32{s.Local})}),
		hop,
	}, list))
}

// update takes in what the neighbour announces and withdraws.
func (s *session) update(u *bgp.BGPUpdate) error {
	before := len(s.routes)
	changed := false
	for _, w := range u.WithdrawnRoutes {
		if p, ok := prefixOf(w); ok && s.routes[p] {
			delete(s.routes, p)
			changed = true
		}
	}
	if !slices.Contains(pathOf(u), s.Local) { // else it is our own announcement, which comes back
		for _, n := range u.NLRI {
			if p, ok := prefixOf(n); ok && !s.routes[p] {
				s.routes[p] = true
				changed = true
			}
		}
	}
	if len(s.routes) > MaxRoutes && len(s.routes) > before {
		return s.refuse(bgp.BGP_ERROR_CEASE, bgp.BGP_ERROR_SUB_MAXIMUM_NUMBER_OF_PREFIXES_REACHED, fmt.Sprintf("the neighbour announces more than %d routes", MaxRoutes))
	}
	if changed {
		s.tell(true)
	}
	return nil
}

func (s *session) tell(established bool) {
	s.Learned(established, slices.SortedFunc(maps.Keys(s.routes), func(a, b netip.Prefix) int {
		return a.Compare(b)
	}))
}

func prefixOf(n bgp.PathNLRI) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(n.NLRI.String())
	return p.Masked(), err == nil
}

// pathOf are the autonomous systems that an announcement came through.
func pathOf(u *bgp.BGPUpdate) (list []uint32) {
	for _, a := range u.PathAttributes {
		if path, ok := a.(*bgp.PathAttributeAsPath); ok {
			for _, p := range path.Value {
				list = append(list, p.GetAS()...)
			}
		}
	}
	return list
}

// receive reads a message. A neighbour that is silent for too long is gone.
func (s *session) receive() (*bgp.BGPMessage, error) {
	if err := s.conn.SetReadDeadline(clock.Machine().Add(s.hold)); err != nil {
		return nil, err
	}
	m, err := read(s.conn)
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return nil, s.refuse(bgp.BGP_ERROR_HOLD_TIMER_EXPIRED, 0, "the neighbour is silent")
	case err != nil:
		return nil, err
	}
	if n, ok := m.Body.(*bgp.BGPNotification); ok {
		return nil, fmt.Errorf("the neighbour ends it: code %d, %d", n.ErrorCode, n.ErrorSubcode)
	}
	return m, nil
}

// read reads one message from outside.
func read(r io.Reader) (*bgp.BGPMessage, error) {
	head := make([]byte, bgp.BGP_HEADER_LENGTH)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	h := &bgp.BGPHeader{}
	if err := h.DecodeFromBytes(head); err != nil {
		return nil, err
	}
	if int(h.Len) < bgp.BGP_HEADER_LENGTH || int(h.Len) > bgp.BGP_MAX_MESSAGE_LENGTH {
		return nil, fmt.Errorf("a message of %d bytes", h.Len)
	}
	body := make([]byte, int(h.Len)-bgp.BGP_HEADER_LENGTH)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	return bgp.ParseBGPBody(h, body)
}

func (s *session) send(m *bgp.BGPMessage) error {
	b, err := m.Serialize()
	if err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.conn.SetWriteDeadline(clock.Machine().Add(s.hold)); err != nil {
		return err
	}
	_, err = s.conn.Write(b)
	return err
}

func (s *session) notify(code, sub uint8) error {
	return s.send(bgp.NewBGPNotificationMessage(code, sub, nil))
}

// refuse ends the session and tells the neighbour why.
func (s *session) refuse(code, sub uint8, why string) error {
	return errors.Join(errors.New(why), s.notify(code, sub))
}
