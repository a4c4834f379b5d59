package instanceconnect

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"pileus/cloud"
	"pileus/plane"
)

const (
	connectLimit = 10 * time.Second
	// frameLimit is how long a message of a client's may be.
	frameLimit = 1 << 20
)

// carry opens a tunnel and moves what both ends say until one of them ends it,
// or its time is over.
func (s *service) carry(c *cloud.Call, w http.ResponseWriter, r *http.Request, t *tunnel) {
	w.Header().Set("x-amzn-RequestId", c.RequestID)
	socket, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // the URL is signed: no page could have it by itself
	if err != nil {
		return // Accept has answered
	}
	defer socket.CloseNow()
	socket.SetReadLimit(frameLimit)
	ctx, stop := context.WithTimeout(context.WithoutCancel(r.Context()), t.life)
	defer stop()
	c.Cloud.Go("the end of a tunnel", func(end context.Context) {
		select {
		case <-c.Cloud.Closing():
		case <-end.Done():
		case <-ctx.Done():
		}
		stop()
	})
	target, err := s.dial(ctx, t)
	if err != nil {
		socket.Close(websocket.StatusInternalError, "Unable to connect to target")
		return
	}
	defer target.Close()
	client := websocket.NetConn(ctx, socket, websocket.MessageBinary)
	done := make(chan struct{})
	c.Cloud.Go("a tunnel", func(context.Context) {
		defer close(done)
		io.Copy(target, client)
		target.Close() // whichever end breaks, both are closed
	})
	io.Copy(client, target)
	socket.Close(websocket.StatusNormalClosure, "")
	target.Close()
	<-done
}

// dial calls the instance from the endpoint's interface, through the rules of
// its groups; in the client's name where the endpoint shows it.
func (s *service) dial(ctx context.Context, t *tunnel) (net.Conn, error) {
	ctx, stop := context.WithTimeout(ctx, connectLimit)
	defer stop()
	if t.client.IsValid() && t.client.Addr().Unmap().Is4() {
		c, err := s.plane.DialAs(ctx, t.vpc, t.from, t.client, "tcp", t.to)
		if !errors.Is(err, plane.ErrUnsupported) {
			return c, err
		}
	}
	return s.plane.Dial(ctx, t.vpc, t.from, "tcp", t.to)
}
