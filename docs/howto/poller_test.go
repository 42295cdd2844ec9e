package howto_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/httpbridge"
	"github.com/trestle-go/trestle/reactor"
)

type weather struct {
	City    string
	Degrees int
}

// fetchWeather blocks.
func fetchWeather(context.Context) (weather, error) {
	time.Sleep(5 * time.Millisecond)
	return weather{"Bern", 21}, nil
}

func Example_poller() {
	ctx := context.Background()
	r := reactor.New(reactor.Config{Name: "weather"})
	r.Start()

	var latest eventual.Latest[weather] // one side sets it, any number of handlers load it
	first := latest.Next()
	polling := reactor.NewLoopingCall(r, func(t *reactor.Tick) error {
		now, err := reactor.Await(t.Co, eventual.Go(t.Context(), fetchWeather))
		if err != nil {
			return err // the last good value stays
		}
		latest.Set(now)
		return nil
	}, reactor.LoopOptions{
		Jitter:  0.1,
		BackOff: reactor.BackOff{Initial: time.Second, Max: 5 * time.Minute},
		OnError: func(err error, next time.Duration) { fmt.Println("weather:", err, "next try in", next) },
	}).Start(ctx, time.Minute, true)

	mux := http.NewServeMux()
	mux.Handle("GET /weather", httpbridge.Latest(&latest, httpbridge.LatestConfig{
		StaleAfter: 3 * time.Minute, // marked, and still served
		RetryAfter: 2 * time.Second, // with the 503 before the first value
	}))
	mux.HandleFunc("GET /sign", func(w http.ResponseWriter, req *http.Request) { // by hand
		now, at, ok := latest.Load()
		if !ok {
			httpbridge.NoValueYet(2*time.Second).ServeHTTP(w, req)
			return
		}
		fmt.Fprintf(w, "%s %d° (%v ago)\n", now.City, now.Degrees, time.Since(at).Round(time.Minute))
	})
	server := httptest.NewServer(mux)
	defer server.Close()

	if _, err := first.Wait(10 * time.Second); err != nil {
		panic(err)
	}
	for _, path := range []string{"/weather", "/sign"} {
		resp, err := server.Client().Get(server.URL + path)
		if err != nil {
			panic(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		fmt.Print(resp.StatusCode, " ", string(body))
	}
	_ = r.Stop(ctx)
	_, err := polling.Wait(time.Second) // how the polling ended; failures nobody looks at are logged
	fmt.Println(err)
	// Output:
	// 200 {"City":"Bern","Degrees":21}
	// 200 Bern 21° (0s ago)
	// reactor weather: stopped
}
