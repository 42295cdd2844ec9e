package examples_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
)

// The kinds of records that the name server knows.
const (
	typeA  = 1
	typeMX = 15
)

// startNameServer serves DNS on the loopback interface and returns a resolver that
// asks it: one address and two mail servers for example.org, no answer at all for
// slow.example.
func startNameServer() (res *net.Resolver, stop func()) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	ended := make(chan struct{})
	go func() { // ended by stop
		defer close(ended)
		buf := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if answer := answerQuery(buf[:n]); answer != nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	// A resolver goes on reading for five seconds after a lookup was cancelled.
	// stop makes an end of that.
	asking, stopAsking := context.WithCancel(context.Background())
	res = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		if asking.Err() != nil {
			return nil, asking.Err()
		}
		c, err := (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
		if err == nil {
			context.AfterFunc(asking, func() { _ = c.Close() })
		}
		return c, err
	}}
	return res, func() { stopAsking(); _ = conn.Close(); <-ended }
}

// answerQuery answers a query of one question, RFC 1035.
func answerQuery(query []byte) []byte {
	const header = 12
	nameEnd := bytes.IndexByte(query[header:], 0)
	if nameEnd < 0 || len(query) < header+nameEnd+5 {
		return nil
	}
	questionEnd := header + nameEnd + 5
	kind := binary.BigEndian.Uint16(query[questionEnd-4:])
	if bytes.HasPrefix(query[header:], encodeName("slow")[:5]) {
		return nil
	}
	var records [][]byte
	switch kind {
	case typeA:
		records = [][]byte{{192, 0, 2, 7}}
	case typeMX:
		for i, host := range []string{"mx1", "mx2"} {
			data := binary.BigEndian.AppendUint16(nil, uint16(10*(i+1)))
			records = append(records, append(data, encodeName(host, "example", "org")...))
		}
	}
	out := append([]byte(nil), query[:2]...)                         // the query's id
	out = append(out, 0x84, 0x00, 0, 1, 0, byte(len(records)), 0, 0) // an answer with authority
	out = append(out, 0, 0)                                          // nothing additional
	out = append(out, query[header:questionEnd]...)
	for _, data := range records {
		out = append(out, 0xc0, header) // the name of the question
		out = binary.BigEndian.AppendUint16(out, kind)
		out = append(out, 0, 1, 0, 0, 0, 60) // of the Internet, for a minute
		out = binary.BigEndian.AppendUint16(out, uint16(len(data)))
		out = append(out, data...)
	}
	return out
}

func encodeName(labels ...string) (out []byte) {
	for _, label := range labels {
		out = append(append(out, byte(len(label))), label...)
	}
	return append(out, 0)
}
