// Package httpbridge puts eventual values behind net/http: handlers that are
// ordinary blocking code ask for what lives in the background.
//
//	var rates eventual.Latest[Table] // set by a poller on a reactor
//
//	func main() {
//		http.Handle("GET /api/rates", httpbridge.Latest(&rates, httpbridge.LatestConfig{
//			StaleAfter: 90 * time.Second,
//		}))
//		log.Fatal(http.ListenAndServe("127.0.0.1:8080", nil))
//	}
//
// No request ever does the polling: it gets the last good value, with an ETag, its
// age and whether it is stale, or 503 with Retry-After while there is none.
// Failures are problem documents of RFC 9457.
package httpbridge
