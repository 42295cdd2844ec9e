package browsertest

import (
	"testing"

	"github.com/chromedp/chromedp"
)

func TestRatesMoveWithoutAReload(t *testing.T) {
	p := start(t, "-every", "500ms")
	b := open(t, p.url+"/")
	b.await("document.querySelector('#plot canvas') && document.querySelector('#shown-rate').textContent !== ''")
	get[bool](b, "window.sameDocument = true")
	const usd = "document.querySelector('tr[data-currency=USD] .rate').textContent"
	day, rate := get[string](b, "document.querySelector('#as-of').textContent"), get[string](b, usd)
	b.await("document.querySelector('#as-of').textContent > '" + day + "' && " + usd + " !== '" + rate + "'")
	b.await("document.querySelector('#shown-rate').textContent === " + usd)
	if !get[bool](b, "window.sameDocument === true") {
		t.Error("the page was loaded anew")
	}
	if label := get[string](b, "document.querySelector('#plot').getAttribute('aria-label')"); label == "" || label == "Chart of the days replayed" {
		t.Errorf("the chart says %q to those who cannot see it", label)
	}

	b.do(chromedp.Click("tr[data-currency=JPY] .pick"))
	b.await("document.querySelector('#shown').textContent === 'JPY' && document.querySelector('tr[data-currency=JPY]').classList.contains('chosen')")

	b.set("#converter [name=to]", "USD")
	b.set("#converter [name=from]", "EUR")
	b.set("#converter [name=amount]", "2")
	b.await("/^2 EUR = [0-9.]+ USD/.test(document.querySelector('#conversion').innerText)")
	before := get[string](b, "document.querySelector('#conversion').innerText")
	b.await("document.querySelector('#conversion').innerText !== " + quoted(before)) // it moves with the rates

	b.expect("400 (Bad Request)") // which the browser logs
	b.set("#converter [name=amount]", "<b>1</b>")
	b.await("document.querySelector('#conversion.problem') && document.querySelectorAll('#conversion b').length === 0")
}

func TestOneStreamAPageClosedWhileHidden(t *testing.T) {
	p := start(t, "-every", "500ms")
	b := open(t, p.url+"/")
	b.await("document.querySelector('#live').dataset.state === 'on'")
	// The page's own account of the tab's visibility is all there is to go by; a
	// headless browser hides no tab.
	hide := func(hidden bool) {
		get[bool](b, "(() => { Object.defineProperty(document, 'hidden', { configurable: true, value: "+map[bool]string{true: "true", false: "false"}[hidden]+" }); document.dispatchEvent(new Event('visibilitychange')); return true; })()")
	}
	hide(true)
	b.await("document.querySelector('#live').dataset.state === 'off'")
	day := get[string](b, "document.querySelector('#as-of').textContent")
	if !get[bool](b, "new Promise((done) => setTimeout(() => done(document.querySelector('#as-of').textContent === "+quoted(day)+"), 1500))") {
		t.Error("a hidden page goes on listening")
	}
	hide(false)
	b.await("document.querySelector('#live').dataset.state === 'on' && document.querySelector('#as-of').textContent > " + quoted(day))
}

func TestStaleBannerAndRecovery(t *testing.T) {
	feed := newFeed(t)
	p := start(t, "-every", "300ms", "-feed", feed.url())
	b := open(t, p.url+"/")
	b.await("document.querySelectorAll('tr[data-currency]').length > 2 && document.querySelector('#stale').hidden")
	feed.broken.Store(true)
	b.await("!document.querySelector('#stale').hidden && /cannot be read since [0-9:]{8} UTC/.test(document.querySelector('#stale').textContent)")
	feed.broken.Store(false)
	b.await("document.querySelector('#stale').hidden")
}

func TestThemeIsKept(t *testing.T) {
	p := start(t)
	b := open(t, p.url+"/jobs")
	dark := "getComputedStyle(document.body).backgroundColor === 'rgb(17, 21, 27)'"
	b.await("document.querySelector('#theme').textContent === 'Auto'")
	b.do(chromedp.Click("#theme"), chromedp.Click("#theme"))
	b.await("document.querySelector('#theme').textContent === 'Dark' && " + dark)
	b.do(chromedp.Navigate(p.url + "/chat"))
	b.await("document.documentElement.dataset.theme === 'dark' && " + dark)
	b.do(chromedp.Click("#theme"))
	b.await("document.querySelector('#theme').textContent === 'Auto'")
}
