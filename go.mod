module github.com/trestle-go/trestle

go 1.26.0

require (
	github.com/coder/websocket v1.8.15
	github.com/petermattis/goid v0.0.0-20260820044319-269ab09b5261
	github.com/shopspring/decimal v1.6.0
	go.uber.org/goleak v1.3.0
	golang.org/x/sys v0.49.0
	pgregory.net/rapid v1.3.0
)
