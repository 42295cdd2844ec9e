package browsertest

import (
	"testing"

	"github.com/chromedp/chromedp"
)

const done = "document.querySelector('.job[data-state=done] .outcome img')?.naturalWidth === 720"

func TestJobProgressReachesTheEndAndSurvivesAReload(t *testing.T) {
	p := start(t)
	b := open(t, p.url+"/jobs")
	for _, where := range []string{"process", "thread", "cooperative"} {
		t.Run(where, func(t *testing.T) {
			// The bar is to be seen moving, which takes a job that is not over at once.
			get[bool](b, `(() => {
				window.bars = [];
				new MutationObserver(() => {
					for (const bar of document.querySelectorAll(".job progress")) window.bars.push(bar.value);
				}).observe(document.querySelector("#jobs"), { subtree: true, childList: true, attributes: true });
				return true;
			})()`)
			b.order("montecarlo", where, 40, "one")
			b.await(done)
			if !get[bool](b, "window.bars.some((v) => v > 5 && v < 95) && window.bars.includes(100)") {
				t.Errorf("the bar went %s", get[string](b, "JSON.stringify(window.bars)"))
			}
			facts := get[string](b, "document.querySelector('.outcome dl').innerText")
			location := get[string](b, "document.querySelector('.job').dataset.location")
			b.do(chromedp.Reload())
			b.await(done)
			if again := get[string](b, "document.querySelector('.outcome dl').innerText"); again != facts {
				t.Errorf("after a reload:\n%s\nbefore:\n%s", again, facts)
			}
			if again := get[string](b, "document.querySelector('.job').dataset.location"); again != location {
				t.Errorf("at %s, before at %s", again, location)
			}
			b.do(chromedp.Click(".job .remove"))
			b.await("document.querySelectorAll('.job').length === 0 && !document.querySelector('#none').hidden")
		})
	}
}

func TestSeveralJobsAtOnceAndAReloadWhileTheyRun(t *testing.T) {
	p := start(t)
	b := open(t, p.url+"/jobs")
	b.order("mandelbrot", "process", 20, "all")
	b.await("document.querySelectorAll('.job').length === 3")
	b.do(chromedp.Reload())
	b.await("document.querySelectorAll('.job[data-state=done]').length === 3")
	b.await("[...document.querySelectorAll('.job img')].every((i) => i.naturalWidth === 720)")
	places := get[[]string](b, "[...document.querySelectorAll('.job .place')].map((e) => e.textContent.replace(/ \\d+$/, '')).sort()")
	if len(places) != 3 || places[0] != "in a thread" || places[1] != "in a worker process" || places[2] != "in turns on the reactor" {
		t.Errorf("they ran %q", places)
	}
	// The same seed, wherever it ran.
	if !get[bool](b, `Promise.all([...document.querySelectorAll('.job img')].map(async (i) => {
		const bytes = await (await fetch(i.src, { headers: { Accept: "image/*" } })).arrayBuffer();
		return Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))).join();
	})).then((sums) => new Set(sums).size === 1)`) {
		t.Error("the three pictures differ")
	}
}

func TestCancel(t *testing.T) {
	p := start(t, "-workers", "1")
	b := open(t, p.url+"/jobs")
	for _, where := range []string{"process", "thread", "cooperative"} {
		b.order("montecarlo", where, 100, "one")
		b.await("document.querySelector('.job[data-state=running]')")
		b.do(chromedp.Click(".job[data-state=running] .cancel"))
		b.await("document.querySelector('.job[data-state=canceled]')")
		b.do(chromedp.Click(".job .remove"))
		b.await("document.querySelectorAll('.job').length === 0")
	}
	// The one worker is free again, or another has its place.
	b.order("montecarlo", "process", 10, "one")
	b.await(done)
}

func TestAKilledWorkerIsShown(t *testing.T) {
	p := start(t, "-workers", "1")
	b := open(t, p.url+"/jobs")
	for _, c := range []struct{ how, says, stderr string }{
		{"kill", "ended by a signal: killed", ""},
		{"panic", "exited with code 2", "panic: a bug in a library"},
		{"exit", "exited with code 3", ""},
	} {
		b.set("#order [name=crash]", c.how)
		b.order("montecarlo", "process", 20, "crash")
		b.await("document.querySelector('.job[data-state=failed] .problem').textContent.includes(" + quoted(c.says) + ")")
		if c.stderr != "" {
			b.await("document.querySelector('.job pre').textContent.includes(" + quoted(c.stderr) + ")")
		}
		if percent := get[float64](b, "document.querySelector('.job progress').value"); percent < 20 || percent > 60 {
			t.Errorf("%s: it died at %v %%", c.how, percent)
		}
		b.do(chromedp.Click(".job .remove"))
		b.await("document.querySelectorAll('.job').length === 0")
	}
	b.order("montecarlo", "process", 10, "one") // by the worker that took the place
	b.await(done)
}
