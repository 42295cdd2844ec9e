package httpbridge

import "net/http"

func (s *Resources) serveEvents(x *exchange, _ found) {
	x.fail(&Problem{Status: http.StatusNotImplemented})
}
