package chat

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/trestle-go/trestle/reactor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inBubble runs f with a chat on virtual time.
func inBubble(t *testing.T, f func(t *testing.T, h *Hub)) {
	synctest.Test(t, func(t *testing.T) {
		r := reactor.New(reactor.Config{Name: "chat"})
		r.Start()
		h := NewHub(r)
		f(t, h)
		if err := h.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := r.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// on runs f on the reactor and waits.
func on[T any](t *testing.T, h *Hub, f func() T) T {
	t.Helper()
	v, err := reactor.WaitFor(t.Context(), h.r, time.Second, func(context.Context) (T, error) { return f(), nil })
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func say(t *testing.T, h *Hub, room, who, text string) (Message, error) {
	t.Helper()
	return h.Say(t.Context(), room, who, who, text).Wait(time.Second)
}

func TestWhatIsSaidIsToldInOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, h *Hub) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		lobby := on(t, h, func() *room { rm, _ := h.room("lobby"); return rm })
		var got []string
		done := make(chan struct{})
		go func() { // ends with ctx
			defer close(done)
			for e := range lobby.stream.Watch(ctx, 0) {
				got = append(got, e.Message.Text)
			}
		}()
		synctest.Wait()
		for i := range 3 {
			m, err := say(t, h, "lobby", "ada", fmt.Sprint(i))
			if err != nil || m.ID != uint64(i+1) || m.Who != "ada" {
				t.Fatalf("%+v, %v", m, err)
			}
		}
		if _, err := say(t, h, "rates", "ada", "elsewhere"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		cancel()
		<-done
		if fmt.Sprint(got) != "[0 1 2]" {
			t.Errorf("heard %q", got)
		}
	})
}

func TestFlood(t *testing.T) {
	inBubble(t, func(t *testing.T, h *Hub) {
		for i := range burst {
			if _, err := say(t, h, "lobby", "ada", "x"); err != nil {
				t.Fatalf("message %d: %v", i, err)
			}
		}
		var flood *FloodError
		if _, err := say(t, h, "rates", "ada", "x"); !errors.As(err, &flood) || flood.Wait != refill {
			t.Errorf("one too many, in another room: %v", err)
		}
		if _, err := say(t, h, "lobby", "bob", "x"); err != nil {
			t.Errorf("somebody else: %v", err)
		}
		time.Sleep(flood.Wait)
		if _, err := say(t, h, "lobby", "ada", "x"); err != nil {
			t.Errorf("after the wait: %v", err)
		}
		if _, err := say(t, h, "lobby", "ada", "x"); !errors.As(err, &flood) {
			t.Errorf("right after that: %v", err)
		}
		time.Sleep(3 * refills) // allowances that are full are not kept
		if n := on(t, h, func() int { return len(h.senders) }); n != 0 {
			t.Errorf("%d allowances are kept", n)
		}
	})
}

func TestPresenceOutlastsAReload(t *testing.T) {
	inBubble(t, func(t *testing.T, h *Hub) {
		join := func(who, nick string) *room {
			return on(t, h, func() *room { rm, _ := h.join("lobby", who, nick); return rm })
		}
		leave := func(rm *room, who string) { on(t, h, func() bool { h.leave(rm, who); return true }) }
		here := func() string { return strings.Join(on(t, h, func() []string { return h.look("lobby").People }), " ") }
		rm := join("1", "Ada")
		join("1", "Ada") // a second tab
		join("2", "Bob")
		events := rm.stream.Stats().Published
		leave(rm, "1")
		time.Sleep(2 * absence)
		if got := here(); got != "Ada Bob" {
			t.Errorf("with a tab left: %s", got)
		}
		leave(rm, "1")
		time.Sleep(absence / 2)
		join("1", "Ada") // a reload
		time.Sleep(2 * absence)
		if got := here(); got != "Ada Bob" || rm.stream.Stats().Published != events {
			t.Errorf("after a reload: %s, and the others were told of it", got)
		}
		leave(rm, "1")
		time.Sleep(absence)
		synctest.Wait()
		if got := here(); got != "Bob" || rm.stream.Stats().Published != events+1 {
			t.Errorf("after leaving: %s", got)
		}
		leave(rm, "2")
	})
}

func TestRoomsComeAndGo(t *testing.T) {
	inBubble(t, func(t *testing.T, h *Hub) {
		for _, name := range []string{"", "Upper", "a b", "../x", strings.Repeat("x", 25), "-x"} {
			if _, err := say(t, h, name, "ada", "x"); !errors.Is(err, errNoRoom) {
				t.Errorf("room %q: %v", name, err)
			}
		}
		for i := len(Rooms); i < maxRooms; i++ {
			if _, err := say(t, h, fmt.Sprint("room-", i), fmt.Sprint(i), "x"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := say(t, h, "one-more", "ada", "x"); !errors.Is(err, errManyRooms) {
			t.Errorf("too many rooms: %v", err)
		}
		rm := on(t, h, func() *room { rm, _ := h.join("room-10", "ada", "Ada"); return rm })
		time.Sleep(2 * roomLife)
		if got := on(t, h, func() []string { return h.look("").Rooms }); fmt.Sprint(got) != fmt.Sprint(append(append([]string{}, Rooms...), "room-10")) {
			t.Errorf("later there are %v", got)
		}
		on(t, h, func() bool { h.leave(rm, "ada"); return true })
		time.Sleep(2 * roomLife)
		if got := on(t, h, func() []string { return h.look("").Rooms }); len(got) != len(Rooms) {
			t.Errorf("in the end there are %v", got)
		}
	})
}

func TestClean(t *testing.T) {
	for _, c := range []struct {
		in    string
		lines bool
		want  string
		bad   bool
	}{
		{in: "  hello  ", want: "hello"},
		{in: "a\tb\nc", want: "a b c"},
		{in: "a\r\nb", lines: true, want: "a\nb"},
		{in: "a\x00\x1b[31mb\u202ec\u2066", want: "a[31mbc"},
		{in: "<b>&amp;", want: "<b>&amp;"}, // it is shown as text, so it stays what it is
		{in: "żółw 🐢", want: "żółw 🐢"},
		{in: " \n\t ", bad: true},
		{in: "\u202e", bad: true},
		{in: "a\xffb", bad: true},
		{in: strings.Repeat("ż", 20), want: strings.Repeat("ż", 20)},
		{in: strings.Repeat("ż", 21), bad: true},
	} {
		got, err := clean("text", c.in, 20, c.lines)
		var invalid *InvalidError
		if got != c.want || (err != nil) != c.bad || c.bad && !errors.As(err, &invalid) {
			t.Errorf("%q: %q, %v", c.in, got, err)
		}
	}
}

func TestNothingIsSaidAfterTheEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, h *Hub) {
		rm := on(t, h, func() *room { rm, _ := h.join("lobby", "ada", "Ada"); return rm })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := h.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("closed with somebody there: %v", err)
		}
		if _, err := say(t, h, "lobby", "ada", "x"); !errors.Is(err, errClosed) {
			t.Errorf("said: %v", err)
		}
		on(t, h, func() bool { h.leave(rm, "ada"); return true }) // inBubble's Close succeeds: giving up took nothing back
	})
}
