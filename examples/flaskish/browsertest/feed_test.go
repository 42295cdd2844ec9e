package browsertest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// feed is a server of rates that a test breaks.
type feed struct {
	*httptest.Server
	broken atomic.Bool
}

func newFeed(t *testing.T) *feed {
	f := new(feed)
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if f.broken.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
<Cube><Cube time='2022-07-15'><Cube currency='USD' rate='1.0059'/><Cube currency='JPY' rate='139.49'/><Cube currency='GBP' rate='0.84988'/></Cube></Cube>
</gesmes:Envelope>`)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *feed) url() string { return f.URL + "/daily.xml" }

// quoted is s as JavaScript has it.
func quoted(s string) string { return strconv.QuoteToASCII(s) }

func itoa(n int) string { return strconv.Itoa(n) }

func contains(s, part string) bool { return strings.Contains(s, part) }
