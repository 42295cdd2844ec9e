package examples_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

// wordIndex says which pages a word is on. Its map belongs to the reactor.
type wordIndex struct {
	r     *reactor.Reactor
	pages map[string][]string
}

// update fetches every URL, at most four at once, and enters the words of each.
// It gives the errors of those that failed; the others are in the index.
func (x *wordIndex) update(ctx context.Context, client *http.Client, urls []string) *eventual.Result[[]error] {
	return reactor.Inline(ctx, x.r, func(co *reactor.Co) ([]error, error) {
		slots, err := eventual.NewSemaphore(4)
		if err != nil {
			return nil, err
		}
		var pages []*eventual.Result[struct{}]
		for _, url := range urls {
			pages = append(pages, reactor.Inline(co.Context(), x.r, func(co *reactor.Co) (struct{}, error) {
				if _, err := reactor.Await(co, slots.Acquire()); err != nil {
					return struct{}{}, err
				}
				defer slots.Release()
				return struct{}{}, x.enter(co, client, url)
			}))
		}
		outcomes, err := reactor.Await(co, eventual.Settle(pages...))
		var failed []error
		for _, o := range outcomes {
			if o.Err != nil {
				failed = append(failed, o.Err)
			}
		}
		return failed, err
	})
}

func (x *wordIndex) enter(co *reactor.Co, client *http.Client, url string) error {
	text, err := reactor.Await(co, eventual.Go(co.Context(), func(ctx context.Context) (string, error) {
		return getPage(ctx, client, url) // blocks, on a goroutine of its own
	}))
	if err != nil {
		return err
	}
	for word := range strings.FieldsSeq(text) { // on the reactor again: no lock
		x.pages[word] = append(x.pages[word], url[strings.LastIndex(url, "/"):])
	}
	return nil
}

func getPage(ctx context.Context, client *http.Client, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", req.URL.Path, resp.Status)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return string(text), err
}

func Example_updateIndex() {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/13" {
			http.Error(w, "bad luck", http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, "every page number ", req.URL.Path[1:])
	}))
	defer site.Close()
	ctx := context.Background()
	r := reactor.New(reactor.Config{Name: "index"})
	r.Start()
	defer r.Stop(ctx)

	var urls []string
	for n := range 40 {
		urls = append(urls, fmt.Sprintf("%s/%d", site.URL, n))
	}
	x := &wordIndex{r: r, pages: map[string][]string{}}
	fmt.Println(x.update(ctx, site.Client(), urls).Wait(10 * time.Second))

	fmt.Println(reactor.RunInReactor(ctx, r, func(context.Context) (string, error) {
		slices.Sort(x.pages["every"])
		return fmt.Sprint(len(x.pages["every"]), x.pages["39"]), nil
	}).Wait(time.Second))
	// Output:
	// [/13: 500 Internal Server Error] <nil>
	// 39 [/39] <nil>
}
