package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"
)

const poolThreads = 2 // those of the pooled route

// flaskish is the program that is measured.
type flaskish struct {
	url string
	cmd *exec.Cmd
	dir string
	log chan struct{} // closed when its log has ended
}

var serving = regexp.MustCompile(`url=(http://\S+)`)

// startFlaskish builds the example and starts it. Its stop is to be called.
func startFlaskish(ctx context.Context) (f *flaskish, err error) {
	dir, err := os.MkdirTemp("", "load")
	if err != nil {
		return nil, err
	}
	f = &flaskish{dir: dir, log: make(chan struct{})}
	binary := filepath.Join(dir, "flaskish.exe")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./examples/flaskish")
	build.Dir = ".." // another module
	if out, err := build.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("building flaskish, in the directory bench: %w\n%s", err, out), os.RemoveAll(dir))
	}
	// A day is polled once, so that all rounds see the same. What the pooled route
	// fetches takes no longer than it must.
	f.cmd = exec.Command(binary, "-addr", "127.0.0.1:0", "-every", "1h", "-drip", "0", "-threads", strconv.Itoa(poolThreads))
	stderr, err := f.cmd.StderrPipe()
	if err == nil {
		err = f.cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	url := make(chan string, 1)
	go f.read(stderr, url) // ends with the program
	select {
	case f.url = <-url:
		return f, nil
	case <-f.log:
		err = errors.New("flaskish ended before it served")
	case <-time.After(20 * time.Second):
		err = errors.New("flaskish does not serve")
	case <-ctx.Done():
		err = ctx.Err()
	}
	f.stop()
	return nil, err
}

// read reads the program's log, so that it is never held up by it.
func (f *flaskish) read(stderr io.Reader, url chan<- string) {
	defer close(f.log)
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		if m := serving.FindStringSubmatch(lines.Text()); m != nil {
			select {
			case url <- m[1]:
			default: // it was told before
			}
		}
	}
}

func (f *flaskish) stop() {
	_ = f.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-f.log:
	case <-time.After(10 * time.Second):
		_ = f.cmd.Process.Kill()
		<-f.log
	}
	_ = f.cmd.Wait() // its figures are printed already
	_ = os.RemoveAll(f.dir)
}
