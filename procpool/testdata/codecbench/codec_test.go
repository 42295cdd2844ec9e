// Package codecbench is the measurement by which the codec was chosen, in a module
// of its own so that what it is measured against is nobody's dependency:
//
//	cd procpool/testdata/codecbench && go test -bench .
package codecbench

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

type message struct {
	ID     int
	Name   string
	Tags   []string
	Values []float64
	Extra  map[string]int64
	Blob   []byte
}

var sample = message{
	ID: 12345, Name: "a message of about five hundred bytes", Tags: []string{"alpha", "beta", "gamma"},
	Values: []float64{1.5, 2.25, 3.125, 4, 5, 6.75, 8, 9.5}, Extra: map[string]int64{"width": 1920, "height": 1080},
	Blob: bytes.Repeat([]byte("x"), 256),
}

// One encoder and one decoder for all messages, as procpool has them in effect.
func BenchmarkGobPrimed(b *testing.B) {
	var buf bytes.Buffer
	enc, dec := gob.NewEncoder(&buf), gob.NewDecoder(&buf)
	b.ReportAllocs()
	for b.Loop() {
		var out message
		if err := enc.Encode(&sample); err != nil {
			b.Fatal(err)
		}
		if err := dec.Decode(&out); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGobAlone(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		var buf bytes.Buffer
		var out message
		if err := gob.NewEncoder(&buf).Encode(&sample); err != nil {
			b.Fatal(err)
		}
		if err := gob.NewDecoder(&buf).Decode(&out); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCBOR(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		var out message
		data, err := cbor.Marshal(&sample)
		if err != nil {
			b.Fatal(err)
		}
		if err := cbor.Unmarshal(data, &out); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJSON(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		var out message
		data, err := json.Marshal(&sample)
		if err != nil {
			b.Fatal(err)
		}
		if err := json.Unmarshal(data, &out); err != nil {
			b.Fatal(err)
		}
	}
}
