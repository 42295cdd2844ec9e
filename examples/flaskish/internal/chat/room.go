package chat

import (
	"encoding/json"
	"slices"

	"github.com/trestle-go/trestle/httpbridge"
	"github.com/trestle-go/trestle/reactor"
)

// room is owned by the reactor, but for its stream, which may be used by anybody.
type room struct {
	name   string
	stream httpbridge.Stream[Event] // to all who are there, and what was said before
	last   uint64                   // ID of the newest message
	people map[string]*person       // by who they are
	expiry *reactor.DelayedCall     // of a room that nobody is in; nil while somebody is
}

// person is somebody in a room, with any number of tabs.
type person struct {
	nick string
	tabs int                  // that are connected
	gone *reactor.DelayedCall // set while there is none
}

func newRoom(name string) *room {
	return &room{name: name, stream: httpbridge.Stream[Event]{Encode: encode}, people: make(map[string]*person)}
}

// encode gives the name of an event and what it says.
func encode(e Event) (name string, data []byte, err error) {
	if e.Message != nil {
		data, err = json.Marshal(e.Message)
		return "said", data, err
	}
	data, err = json.Marshal(e.People)
	return "people", data, err
}

// tell tells everybody in the room. It waits for nobody.
func (rm *room) tell(e Event) {
	_ = rm.stream.Publish(e) // fails only once the room is no more
}

// nicks are the names of those who are there, each once.
func (rm *room) nicks() []string {
	nicks := make([]string, 0, len(rm.people))
	for _, p := range rm.people {
		nicks = append(nicks, p.nick)
	}
	slices.Sort(nicks)
	return slices.Compact(nicks)
}
