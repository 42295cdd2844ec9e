package browsertest

import (
	"testing"

	"github.com/chromedp/chromedp"
)

func TestDownloadIsThereOnALaterVisit(t *testing.T) {
	p := start(t, "-drip", "2s")
	b := open(t, p.url+"/download")
	if text := b.text(); !contains(text, "Started") {
		t.Errorf("the first visit says:\n%s", text)
	}
	b.do(chromedp.Navigate(p.url + "/")) // somewhere else meanwhile
	b.await("document.querySelector('#plot canvas')")
	b.do(chromedp.Navigate(p.url + "/download"))
	b.await("document.querySelectorAll('.line').length > 20") // the page looks again by itself
	if text := b.text(); !contains(text, "61 days, 29 Oct 2012 to 24 Jan 2013") {
		t.Errorf("the last visit says:\n%s", text)
	}
	b.do(chromedp.Reload()) // it was the only copy
	if text := b.text(); !contains(text, "Started") {
		t.Errorf("the visit after that says:\n%s", text)
	}
}

func TestStatusIsLive(t *testing.T) {
	p := start(t)
	b := open(t, p.url+"/status")
	b.await("document.querySelector('#lag canvas') && document.querySelector('[data-value=\"reactor.lag_p99\"]').textContent !== ''")
	const callbacks = "Number(document.querySelector('[data-value=\"reactor.callbacks\"]').textContent.replaceAll(',', ''))"
	before := get[int](b, callbacks)
	b.await(callbacks + " > " + itoa(before))

	// A job in a process shows among the workers.
	jobs := open(t, p.url+"/jobs")
	jobs.order("montecarlo", "process", 50, "one")
	b.await("document.querySelector('#workers .state-busy')")
	jobs.await("document.querySelector('.job[data-state=done]')")
	b.await("!document.querySelector('#workers .state-busy') && document.querySelector('[data-value=\"processes.succeeded\"]').textContent === '1'")
}

// TestKeyboard goes through every page with the Tab key: the focus is always to be
// seen, and comes to the end of the page.
func TestKeyboard(t *testing.T) {
	p := start(t)
	for _, path := range []string{"/", "/chat", "/jobs", "/status"} {
		b := open(t, p.url+path)
		b.await("document.querySelector('#live').dataset.state === 'on'")
		seen := map[string]bool{}
		for range 80 {
			b.do(chromedp.KeyEvent("\t"))
			at := get[string](b, `(() => {
				const e = document.activeElement;
				if (e === document.body) return "";
				const style = getComputedStyle(e), around = e.closest("label") && getComputedStyle(e.closest("label"));
				const outlined = style.outlineStyle !== "none" || around?.outlineStyle !== "none";
				return e.tagName + " " + (e.id || e.name || e.textContent) + (outlined ? "" : " without an outline");
			})()`)
			if at == "" {
				break
			}
			seen[at] = true
			if contains(at, "without an outline") {
				t.Errorf("%s: %s", path, at)
			}
		}
		if len(seen) < 8 {
			t.Errorf("%s: only %v can be reached", path, seen)
		}
	}
}

// tabTo presses the Tab key until what selector says has the focus.
func (b *tab) tabTo(selector string) {
	b.t.Helper()
	for range 100 {
		b.do(chromedp.KeyEvent("\t"))
		if get[bool](b, "document.activeElement.matches("+quoted(selector)+")") {
			return
		}
	}
	b.t.Fatalf("the Tab key does not lead to %s", selector)
}

func (b *tab) enter() { b.t.Helper(); b.do(chromedp.KeyEvent("\r")) }

// TestKeyboardOnly does what the pages are for without a pointer.
func TestKeyboardOnly(t *testing.T) {
	p := start(t, "-drip", "200ms")
	b := open(t, p.url+"/")
	b.await("document.querySelector('#plot canvas')")
	b.tabTo(".skip")
	b.enter()
	b.tabTo("#converter [name=amount]") // the first after what was skipped
	b.do(chromedp.KeyEvent("\b\b\b7"))
	b.enter()
	b.await("/7 USD = [0-9.]+ JPY/.test(document.querySelector('#conversion').innerText)")
	b.tabTo("tr[data-currency=JPY] .pick")
	b.enter()
	b.await("document.querySelector('#shown').textContent === 'JPY'")

	b.do(chromedp.Navigate(p.url + "/chat"))
	b.await("document.querySelector('#live').dataset.state === 'on'")
	b.tabTo("#text")
	b.do(chromedp.KeyEvent("said by hand"))
	b.enter()
	b.await("document.querySelector('#log li')?.innerText.includes('said by hand') && document.activeElement.id === 'text'")
	b.tabTo(".rooms a[href$=rates]")
	b.enter()
	b.await("document.querySelector('#room-title')?.textContent === 'rates'")

	b.do(chromedp.Navigate(p.url + "/jobs"))
	b.await("document.querySelector('#live').dataset.state === 'on'")
	b.tabTo("#order button[value=one]")
	b.enter()
	b.await("document.querySelector('.job[data-state=done]')")
	b.tabTo(".job .remove")
	b.enter()
	b.await("document.querySelectorAll('.job').length === 0")
	if at := get[string](b, "document.activeElement.tagName"); at == "BODY" {
		t.Error("the focus is lost with the job that was removed")
	}
	b.tabTo("#theme")
	b.enter()
	b.await("document.querySelector('#theme').textContent === 'Light'")

	b.tabTo("nav a[href='/download']")
	b.enter()
	b.await("document.querySelectorAll('.line').length > 20")
}
