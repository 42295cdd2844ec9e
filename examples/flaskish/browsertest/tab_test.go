package browsertest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// tab is a tab of the browser that must not complain: an error on its console or a
// violation of the policy fails the test.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex // guards complaints and expected; nothing is called under it
	complaints []string
	expected   []string // parts of complaints that are none
}

func open(t *testing.T, url string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	b := &tab{t: t, ctx: ctx}
	t.Cleanup(func() {
		cancel()
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, c := range b.complaints {
			t.Errorf("the browser complains: %s", c)
		}
	})
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Navigate(url))
	return b
}

// expect has complaints with text in them not fail the test.
func (b *tab) expect(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = append(b.expected, text)
}

// hear is called for each event of the tab.
func (b *tab) hear(event any) {
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.complain(fmt.Sprintf("%s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	case *runtime.EventExceptionThrown:
		b.complain(fmt.Sprintf("exception: %s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" || e.Type == "assert" {
			b.complain(fmt.Sprintf("console: %v", e.Args))
		}
	}
}

func (b *tab) complain(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.expected {
		if strings.Contains(text, e) {
			return
		}
	}
	b.complaints = append(b.complaints, text)
}

// do runs steps one after the other.
func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%v\nthe page:\n%s", err, b.text())
	}
}

// text is what the page shows.
func (b *tab) text() string {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	s, err := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
	if err != nil {
		return err.Error()
	}
	if len(s) > 1500 {
		s = s[:1500] + "…"
	}
	return s
}

// get returns the value of a JavaScript expression.
func get[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v\nthe page:\n%s", expression, err, b.text())
	}
	return v
}

// await waits until the JavaScript expression is true, on whatever page the tab
// is by then.
func (b *tab) await(expression string) {
	b.t.Helper()
	once[bool](b, expression, "true")
}

// onWhole returns the value of a JavaScript expression on a page that is complete:
// one that loads itself again has moments in which it has no content.
func onWhole[T any](b *tab, expression string) T {
	b.t.Helper()
	return once[T](b, "document.readyState === 'complete' && document.body", expression)
}

// once returns the value of a JavaScript expression as soon as a condition is true.
func once[T any](b *tab, condition, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	poll := chromedp.Evaluate[*T](fmt.Sprintf("(%s) ? (%s) : null", condition, expression))
	for {
		v, err := chromedp.Run(ctx, poll) // fails while a page gives way to another
		if v != nil && err == nil {
			return *v
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			b.t.Fatalf("waiting for %s: %v\nthe page:\n%s", condition, err, b.text())
		}
	}
}

// call sends the browser a command.
func (b *tab) call(cmd cdp.Command[emulation.SetEmulatedMediaParams, cdp.Empty], params emulation.SetEmulatedMediaParams) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, cmd, params); err != nil {
		b.t.Fatal(err)
	}
}

// set gives a field of a form a value, as a visitor would.
func (b *tab) set(selector string, value any) {
	b.t.Helper()
	get[bool](b, fmt.Sprintf(`(() => {
		const e = document.querySelector(%q);
		e.value = %q;
		e.dispatchEvent(new Event("input", { bubbles: true }));
		e.dispatchEvent(new Event("change", { bubbles: true }));
		return true;
	})()`, selector, fmt.Sprint(value)))
}

// say says something on the chat page.
func (b *tab) say(nick, text string) {
	b.t.Helper()
	b.await("document.querySelector('#live').dataset.state === 'on'")
	if get[string](b, "document.querySelector('#nick').value") != nick {
		b.set("#nick", nick)
		b.await("document.querySelector('#live').dataset.state === 'on'")
	}
	b.set("#text", text)
	b.do(chromedp.Click("#say button"))
	b.await("document.querySelector('#text').value === ''")
}

// order orders a job on the jobs page, by the button that does it.
func (b *tab) order(kind, where string, effort int, do string) {
	b.t.Helper()
	b.await("document.querySelector('#live').dataset.state === 'on'")
	b.set("#order [name=kind]", kind)
	b.set("#order [name=where]", where)
	b.set("#effort", effort)
	b.do(chromedp.Click(fmt.Sprintf("#order button[value=%s]", do)))
}
