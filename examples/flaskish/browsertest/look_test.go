package browsertest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// look is a page as it is looked at.
type look struct {
	name, path string
	prepare    func(b *tab) // what is done to give it something to show
}

// looks are all pages with something to show.
var looks = []look{
	{"rates", "/", func(b *tab) {
		b.await("document.querySelector('#plot canvas') && document.querySelectorAll('.up, .down').length > 20")
	}},
	{"chat", "/chat", func(b *tab) {
		b.say("Ada", "Has anybody seen where the franc is going?")
		b.say("Ada", "It has not moved for weeks.")
		b.await("document.querySelectorAll('#log li').length === 2")
	}},
	{"jobs", "/jobs", func(b *tab) {
		b.order("mandelbrot", "process", 10, "one")
		b.await("document.querySelector('.job[data-state=done] .outcome img')?.naturalWidth > 0")
		b.order("montecarlo", "thread", 10, "one")
		b.await("document.querySelectorAll('.job[data-state=done] .outcome:not([hidden])').length === 2")
		b.order("montecarlo", "process", 10, "crash")
		b.await("document.querySelector('.job[data-state=failed]')")
		b.order("mandelbrot", "process", 100, "all")
		b.await("document.querySelectorAll('.job[data-state=running]').length === 3")
	}},
	{"download", "/download", func(b *tab) { b.await("document.querySelectorAll('.line').length > 20") }},
	{"status", "/status", func(b *tab) { b.await("document.querySelector('#lag canvas')") }},
}

// emptyLooks are those of a program that has nothing to show yet.
var emptyLooks = []look{
	{"rates-empty", "/", func(b *tab) { b.await("document.body.innerText.includes('no rates yet')") }},
	{"chat-empty", "/chat", func(b *tab) { b.await("document.querySelector('#live').dataset.state === 'on'") }},
	{"jobs-empty", "/jobs", func(b *tab) { b.await("!document.querySelector('#none').hidden") }},
	{"download-waiting", "/download", func(b *tab) { b.await("document.querySelector('.waiting')") }},
}

var sizes = []struct {
	name          string
	width, height int64
}{{"desktop", 1280, 800}, {"phone", 390, 844}}

// TestLook looks at every page in each size and theme: nothing is wider than the
// screen, and the theme is what was asked for. With LOOK set to a directory the
// pictures are kept there.
func TestLook(t *testing.T) {
	p := start(t, "-every", "1s", "-drip", "200ms")
	for _, l := range looks {
		l.at(t, p)
	}
	feed := newFeed(t)
	feed.broken.Store(true)
	p = start(t, "-every", "500ms", "-drip", "1m", "-feed", feed.url())
	for _, l := range emptyLooks {
		l.at(t, p)
	}
	feed.broken.Store(false)
	look{"rates-stale", "/", func(b *tab) {
		b.await("document.querySelectorAll('tr[data-currency]').length > 2 && document.querySelector('#stale').hidden")
		feed.broken.Store(true)
		b.await("!document.querySelector('#stale').hidden")
	}}.at(t, p)
}

// at looks at one page of p, in a test of its own, which closes the page before the
// next program begins without the cookies of this one.
func (l look) at(t *testing.T, p *program) { t.Run(l.name, func(t *testing.T) { l.look(t, p) }) }

func (l look) look(t *testing.T, p *program) {
	b := open(t, p.url+l.path)
	l.prepare(b)
	for _, size := range sizes {
		b.do(chromedp.EmulateViewport(size.width, size.height))
		for _, theme := range []string{"light", "dark"} {
			name := fmt.Sprintf("%s-%s-%s", l.name, size.name, theme)
			b.call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}})
			if wide := onWhole[int64](b, "document.documentElement.scrollWidth"); wide > size.width {
				t.Errorf("%s: %d pixels wide", name, wide)
			}
			dark := onWhole[bool](b, "getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0] < 100")
			if dark != (theme == "dark") {
				t.Errorf("%s: the background is %s", name, onWhole[string](b, "getComputedStyle(document.body).backgroundColor"))
			}
			b.keep(name)
		}
	}
}

// keep keeps a picture of the whole page, if that is wanted.
func (b *tab) keep(name string) {
	b.t.Helper()
	dir := os.Getenv("LOOK")
	if dir == "" {
		return
	}
	for kind, shot := range map[string]chromedp.Action[[]byte]{"": chromedp.CaptureScreenshot(), "-whole": chromedp.FullScreenshot(100)} {
		picture, err := chromedp.Run(b.ctx, shot)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name+kind+".png"), picture, 0o600)
		}
		if err != nil {
			b.t.Error(err)
		}
	}
}
