package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// result is what a round has measured; times are in milliseconds.
type result struct {
	requests       int
	rate, p50, p99 float64
	cpu            time.Duration
}

// run keeps all connections busy, each with one request at a time.
func run(addr string, s settings) (result, error) {
	request := fmt.Appendf(nil, "GET /some/path?q=1 HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: bench\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n\r\n")
	if s.upload > 0 {
		request = fmt.Appendf(nil, "POST /some/path?q=1 HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: bench\r\nContent-Length: %d\r\n\r\n", s.upload)
		request = append(request, make([]byte, s.upload)...)
	}
	lanes := make([][]time.Duration, s.conns)
	errs := make([]error, s.conns)
	var wg sync.WaitGroup
	start := time.Now()
	for i := range s.conns {
		wg.Go(func() { lanes[i], errs[i] = lane(addr, request, start.Add(s.seconds)) })
	}
	wg.Wait()
	took := time.Since(start)
	var all []time.Duration
	for i, l := range lanes {
		if errs[i] != nil {
			return result{}, errs[i]
		}
		all = append(all, l...)
	}
	slices.Sort(all)
	ms := func(q float64) float64 { return all[int(q*float64(len(all)-1))].Seconds() * 1000 }
	return result{requests: len(all), rate: float64(len(all)) / took.Seconds(), p50: ms(0.5), p99: ms(0.99)}, nil
}

func lane(addr string, request []byte, until time.Time) (all []time.Duration, err error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	buf := make([]byte, 64<<10)
	for {
		start := time.Now()
		if start.After(until) {
			return all, nil
		}
		if _, err := c.Write(request); err != nil {
			return all, err
		}
		if err := readAnswer(c, buf); err != nil {
			return all, fmt.Errorf("after %d requests: %w", len(all), err)
		}
		all = append(all, time.Since(start))
	}
}

// readAnswer reads an answer of a known length.
func readAnswer(c net.Conn, buf []byte) error {
	n := 0
	for {
		m, err := c.Read(buf[n:])
		if err != nil {
			return err
		}
		n += m
		end := bytes.Index(buf[:n], []byte("\r\n\r\n"))
		if end < 0 {
			continue
		}
		if !bytes.HasPrefix(buf, []byte("HTTP/1.1 200")) {
			return fmt.Errorf("answer %q", buf[:end])
		}
		_, length, ok := bytes.Cut(buf[:end], []byte("Content-Length: "))
		if !ok {
			return fmt.Errorf("no length in %q", buf[:end])
		}
		length, _, _ = bytes.Cut(length, []byte("\r\n"))
		size, err := strconv.Atoi(string(length))
		if err != nil {
			return err
		}
		_, err = io.CopyN(io.Discard, c, int64(end+4+size-n))
		return err
	}
}
