package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
)

// about is what a reader must know to judge the figures.
type about struct {
	cpu      string
	cores    int
	golang   string
	system   string
	versions []string // of the peers
	how      string
}

func inspect() (about, error) {
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		return about{}, fmt.Errorf("run it in the directory bench: %w", err)
	}
	version, err := exec.Command("go", "env", "GOVERSION").Output()
	if err != nil {
		return about{}, fmt.Errorf("go env GOVERSION: %w", err)
	}
	return about{
		cpu:      cpuModel(),
		cores:    runtime.NumCPU(),
		golang:   strings.TrimSpace(string(version)),
		system:   runtime.GOOS + "/" + runtime.GOARCH,
		versions: directVersions(string(mod)),
	}, nil
}

func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

var requirement = regexp.MustCompile(`^(?:require )?\s*(\S+) (v\S+)( // indirect)?$`)

// directVersions lists the modules that go.mod requires for their own sake, Trestle
// apart.
func directVersions(mod string) (versions []string) {
	for line := range strings.Lines(mod) {
		m := requirement.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if m != nil && m[3] == "" && !strings.HasPrefix(m[1], "github.com/trestle-go/") {
			versions = append(versions, m[1]+" "+m[2])
		}
	}
	return versions
}
