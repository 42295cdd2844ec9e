package procpool

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// markVar in the environment of a process says that it is a worker. Its value is
// the version of the protocol and the identity of the pool's program file.
const markVar = "TRESTLE_PROCPOOL_WORKER"

// launch is how the workers of a pool are started.
type launch struct {
	path      string
	args, env []string
	dir       string
	setUp     func() error // of the thread that starts them; may be nil
	limits    Limits       // those that come with the start, where there are such
}

func newLaunch(cfg Config) (*launch, error) {
	l := &launch{dir: cfg.Dir, setUp: cfg.Limits.threadSetUp(), limits: cfg.Limits}
	if len(cfg.Command) > 0 {
		path, err := exec.LookPath(cfg.Command[0])
		if err != nil {
			return nil, err
		}
		if path, err = filepath.Abs(path); err != nil { // Dir is not to matter
			return nil, err
		}
		l.path, l.args = path, cfg.Command
	} else {
		path, err := ownProgram()
		if err != nil {
			return nil, err
		}
		l.path, l.args = path, slices.Clone(os.Args)
	}
	l.env = environment(os.Environ(), cfg.Env, markVar+"="+mark())
	return l, nil
}

// environment is base with the settings of more in place of its own.
func environment(base, more []string, last string) []string {
	env := make([]string, 0, len(base)+len(more)+1)
	set := make(map[string]bool)
	add := func(e string) {
		if key := envKey(e); !set[key] {
			set[key] = true
			env = append(env, e)
		}
	}
	add(last)
	for _, e := range slices.Backward(more) {
		add(e)
	}
	for _, e := range slices.Backward(base) {
		add(e)
	}
	return env
}

// envKey is what an entry of an environment sets. On Windows it does not matter how
// that is written, and names of directories begin with an equals sign.
func envKey(e string) string {
	if runtime.GOOS != "windows" {
		key, _, _ := strings.Cut(e, "=")
		return key
	}
	at := strings.IndexByte(e[min(1, len(e)):], '=')
	return strings.ToUpper(e[:at+1])
}

// starter is the goroutine, and the thread, that starts a pool's workers. The
// kernel kills a worker when the thread that started it ends, and would for a
// thread that the runtime felt free to end; so this one lives as long as the pool.
type starter struct {
	launch   *launch
	requests chan startRequest
}

type startRequest struct {
	started chan<- started // one slot
}

type started struct {
	child child
	err   error
}

func newStarter(l *launch) *starter {
	s := &starter{launch: l, requests: make(chan startRequest)}
	go s.run() // ends with the pool, by close
	return s
}

func (s *starter) run() {
	runtime.LockOSThread() // never unlocked: what setUp does to the thread ends with it
	var setUp error
	if s.launch.setUp != nil {
		setUp = s.launch.setUp()
	}
	for r := range s.requests {
		if setUp != nil {
			r.started <- started{err: setUp}
			continue
		}
		c, err := s.launch.start()
		r.started <- started{c, err}
	}
}

// start has a worker started.
func (s *starter) start() (child, error) {
	c := make(chan started, 1)
	s.requests <- startRequest{c}
	r := <-c
	return r.child, r.err
}

// close ends the thread. All workers must be gone.
func (s *starter) close() { close(s.requests) }
