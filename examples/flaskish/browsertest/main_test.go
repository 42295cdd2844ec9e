// Package browsertest tests flaskish where it is used: the whole program, in a
// browser. It is a module of its own, so that nobody who uses Trestle needs a
// browser's driver.
package browsertest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// patience is for a machine that is much slower than any that one works at.
const patience = 60 * time.Second

var (
	binary  string
	browser context.Context // every tab is a child of it
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "flaskish")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "flaskish.exe")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = ".." // which belongs to the main module
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		return 1
	}
	chrome, err := findChrome()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chrome), chromedp.UserDataDir(filepath.Join(dir, "profile")),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	if err := chromedp.Do(ctx); err != nil { // starts it
		fmt.Fprintf(os.Stderr, "%s does not start: %v\n", chrome, err)
		return 1
	}
	browser = ctx
	return m.Run()
}

func findChrome() (string, error) {
	names := []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"}
	if name := os.Getenv("CHROME_BIN"); name != "" {
		names = []string{name}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("these tests need a browser, one of %s; on Debian: apt-get install chromium-headless-shell", strings.Join(names, ", "))
}

var serving = regexp.MustCompile(`url=(http://\S+)`)

// program is a flaskish process that serves.
type program struct {
	url  string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended and its log is whole

	mu  sync.Mutex // guards log; nothing is called under it
	log strings.Builder
}

// start starts flaskish, for visitors who have not been there; the end of the test
// stops it, within the time that it promises.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	// Cookies know no ports, so this one would have those of the program before.
	if _, err := chromedp.Call(browser, network.ClearBrowserCookies, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	p := &program{cmd: exec.Command(binary, append([]string{"-addr", "127.0.0.1:0"}, args...)...), done: make(chan struct{})}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.stop(t) })
	url := make(chan string, 1)
	go p.read(stderr, url) // ends with the process
	select {
	case p.url = <-url:
	case <-time.After(patience):
		t.Fatal("flaskish does not serve")
	}
	return p
}

func (p *program) read(stderr io.Reader, url chan<- string) {
	defer close(p.done)
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		p.mu.Lock()
		p.log.WriteString(lines.Text() + "\n")
		p.mu.Unlock()
		if m := serving.FindStringSubmatch(lines.Text()); m != nil {
			select {
			case url <- m[1]:
			default: // it was told before
			}
		}
	}
}

// stop has the program end, with whatever streams there are.
func (p *program) stop(t *testing.T) {
	begun := time.Now()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
	err := p.cmd.Wait()
	if took := time.Since(begun); err != nil || took > 5*time.Second {
		t.Errorf("flaskish ended after %v with %v\n%s", took, err, p.log.String())
	}
}
