package main

import (
	"encoding/binary"
	"io"
	"net/http"
	"strconv"
)

// serveGRPC is a gRPC server with two methods: the health check that gRPC
// defines, and one that gives back the message that it got. Others are
// unimplemented, which is code 12.
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
func serveGRPC(w http.ResponseWriter, r *http.Request) {
	const unimplemented, internal = 12, 13
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Trailer", "Grpc-Status")
	end := func(status int) { w.Header().Set("Grpc-Status", strconv.Itoa(status)) }
	in, err := io.ReadAll(r.Body)
	if err != nil || len(in) < 5 || int(binary.BigEndian.Uint32(in[1:]))+5 != len(in) {
		end(internal)
		return
	}
	var out []byte
	switch r.URL.Path {
	case "/grpc.health.v1.Health/Check":
		out = []byte{1 << 3, 1} // status: SERVING
	case "/speaker.Echo/Say":
		out = in[5:]
		w.Header().Set("X-Seen-Proto", r.Header.Get("X-Forwarded-Proto"))
	default:
		end(unimplemented)
		return
	}
	answer := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(out)))
	// Who has gone away needs no answer.
	_, _ = w.Write(append(answer, out...))
	end(0)
}
