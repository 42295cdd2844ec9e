package main

import (
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/httpbridge"
	"github.com/trestle-go/trestle/threadpool"
)

// patience is how long a request waits for an answer.
const patience = time.Second

// Web answers requests. Its handlers are ordinary blocking code.
func Web(book *Book, reports *Reports) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /feed", Feed())
	mux.Handle("GET /rates", httpbridge.Latest(&book.Table, httpbridge.LatestConfig{
		RetryAfter: time.Second,
		StaleAfter: 3 * every,
	}))
	mux.HandleFunc("GET /rates/{currency}", func(w http.ResponseWriter, req *http.Request) {
		rate, err := book.Rate(req.Context(), req.PathValue("currency")).Wait(patience)
		reply(w, req, rate, err)
	})
	mux.HandleFunc("GET /asked", func(w http.ResponseWriter, req *http.Request) {
		asked, err := book.Asked(req.Context()).Wait(patience)
		reply(w, req, asked, err)
	})
	reports.Handle(mux)
	return mux
}

// reply sends v as JSON, or err as a problem document.
func reply(w http.ResponseWriter, req *http.Request, v any, err error) {
	if err != nil {
		problem := &httpbridge.Problem{Status: status(err), Detail: err.Error()}
		problem.ServeHTTP(w, req)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		log.Print(err)
	}
}

func status(err error) int {
	switch {
	case errors.Is(err, ErrNoRate), errors.Is(err, eventual.ErrUnknownID):
		return http.StatusNotFound
	case errors.Is(err, eventual.ErrTimeout):
		return http.StatusGatewayTimeout
	case errors.Is(err, eventual.ErrStopped), errors.Is(err, threadpool.ErrQueueFull), errors.Is(err, eventual.ErrStashFull):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
