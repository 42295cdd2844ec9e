// Other people's libraries, for the pages that compare: apart from the main
// module, so that nobody who uses Trestle gets them.
module github.com/trestle-go/trestle/docs/coming-from/peers

go 1.26.0

require (
	github.com/alitto/pond/v2 v2.7.1
	github.com/panjf2000/ants/v2 v2.12.1
	github.com/sourcegraph/conc v0.3.0
	golang.org/x/sync v0.25.0
)

require (
	go.uber.org/atomic v1.7.0 // indirect
	go.uber.org/multierr v1.9.0 // indirect
)
