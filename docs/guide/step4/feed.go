package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"
)

// Feed is a made-up source of rates, which saves us a network: they drift, and
// every fourth answer is a failure.
func Feed() http.Handler {
	var answers atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if answers.Add(1)%4 == 0 {
			http.Error(w, "closed for lunch", http.StatusServiceUnavailable)
			return
		}
		drift := func(rate float64) float64 { return math.Round(rate*(0.99+rand.Float64()/50)*1e4) / 1e4 }
		rates := map[string]float64{"USD": drift(1.08), "JPY": drift(163.2), "CHF": drift(0.94)}
		if err := json.NewEncoder(w).Encode(rates); err != nil {
			log.Print(err)
		}
	})
}

// Fetch returns a function that gets rates from url. It blocks, 5 s at most.
func Fetch(url string) func(context.Context) (map[string]float64, error) {
	return func(ctx context.Context) (map[string]float64, error) {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return nil, err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil, err
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s: %s", url, resp.Status)
		}
		var rates map[string]float64
		err = json.NewDecoder(http.MaxBytesReader(nil, resp.Body, 1<<20)).Decode(&rates)
		return rates, err
	}
}
