package browsertest

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
)

// shows is that a message with these words, as text, is in the log.
func shows(text string) string {
	return fmt.Sprintf("[...document.querySelectorAll('#log .words')].some((e) => e.textContent === %s)", quoted(text))
}

func TestChatWindowsSeeEachOther(t *testing.T) {
	for _, ways := range [][2]string{{"events", "events"}, {"socket", "events"}, {"events", "socket"}, {"socket", "socket"}} {
		t.Run(ways[0]+" and "+ways[1], func(t *testing.T) {
			room := start(t).url + "/chat?room=" + ways[0] + "-" + ways[1]
			a, b := open(t, room), open(t, room)
			for i, tab := range []*tab{a, b} {
				tab.await("document.querySelector('#live').dataset.state === 'on'")
				if ways[i] == "socket" {
					tab.do(chromedp.Click("[name=via][value=socket]"))
					tab.await("document.querySelector('#live').dataset.state === 'on' && document.querySelector('[name=via][value=socket]').checked")
				}
			}
			a.say("Ada", "Good morning")
			b.await(shows("Good morning"))
			b.say("Bob", "Good morning, Ada")
			a.await(shows("Good morning, Ada"))

			// What is said is text, whatever it looks like.
			const attack = `<img src=x onerror="document.title='taken'"><script>document.title='taken'</script>`
			a.say("<b>Eve</b>", attack)
			b.await(shows(attack))
			if n := get[int](b, "document.querySelectorAll('#log img, #log script, #people b').length"); n != 0 || get[string](b, "document.title") == "taken" {
				t.Errorf("%d elements that somebody else made", n)
			}

			// A reload gives back what was said.
			b.do(chromedp.Reload())
			b.await(shows("Good morning"))
			b.await(shows("Good morning, Ada"))
			if n := get[int](b, "document.querySelectorAll('#log li').length"); n != 3 {
				t.Errorf("%d messages after a reload, want 3", n)
			}
		})
	}
}

func TestChatLimitsAFlood(t *testing.T) {
	p := start(t)
	b := open(t, p.url+"/chat")
	b.expect("429 (Too Many Requests)")
	for i := range 6 {
		b.say("Ada", fmt.Sprint("message ", i))
	}
	// Each of these is said or refused; a slow machine gives time to say more.
	for i := 0; !get[bool](b, "!document.querySelector('#said-problem').hidden"); i++ {
		if i == 1000 {
			t.Fatal("nothing was refused")
		}
		b.set("#text", "more")
		get[bool](b, "(document.querySelector('#say').requestSubmit(), true)")
	}
}
