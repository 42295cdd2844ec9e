package procpool

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"sync"
)

// Two processes of one program are of the same build if they were started from
// the same file, which costs nothing to see, or from files with the same contents.
// A worker names the file if it is the one in its mark, and else its contents.
const (
	buildFile     = "file:"
	buildContents = "sha256:"
)

// mark is the value of markVar for the workers of this process.
func mark() string { return fmt.Sprintf("%d;%s", protocolVersion, ownFile()) }

// ownBuild is what a worker with the mark says of its build.
func ownBuild(mark string) string {
	if _, file, ok := strings.Cut(mark, ";"); ok && file != "" && file == ownFile() {
		return buildFile + file
	}
	return buildContents + ownContents()
}

// sameBuild says why a worker cannot be accepted that is of another build. A
// worker of another program may be anything if that was asked for.
func sameBuild(program, build string, foreign bool) error {
	if foreign && program != ownProgramName() {
		return nil
	}
	switch {
	case build == "" && foreign:
		return nil
	case program != ownProgramName():
		return fmt.Errorf("it is another program: %q, this is %q", program, ownProgramName())
	case strings.HasPrefix(build, buildFile) && build == buildFile+ownFile():
		return nil
	case strings.HasPrefix(build, buildContents) && build == buildContents+ownContents():
		return nil
	}
	return fmt.Errorf("it is another build of this program: %s, this is %s", build, buildContents+ownContents())
}

// ownProgramName is the main package that this program was built from.
var ownProgramName = sync.OnceValue(func() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Path != "" {
		return info.Path
	}
	return os.Args[0]
})

// ownFile identifies the file that this process was started from; "" if it cannot
// be told.
var ownFile = sync.OnceValue(func() string {
	path, err := ownProgram()
	if err != nil {
		return ""
	}
	return fileIdentity(path)
})

// ownContents is the hash of the file that this process was started from.
var ownContents = sync.OnceValue(func() string {
	path, err := ownProgram()
	if err != nil {
		return "unknown"
	}
	f, err := os.Open(path)
	if err != nil {
		return "unknown"
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "unknown"
	}
	return hex.EncodeToString(h.Sum(nil))
})
