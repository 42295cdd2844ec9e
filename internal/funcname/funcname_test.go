package funcname

import (
	"strings"
	"testing"
)

func named() {}

func TestDescribe(t *testing.T) {
	if got := Describe(PC(named)); !strings.Contains(got, "funcname.named (funcname_test.go:") {
		t.Error(got)
	}
	if got := Describe(PC(func() { t.Log() })); !strings.Contains(got, "TestDescribe.func") {
		t.Error(got)
	}
	for _, fn := range []any{nil, 5, (func())(nil)} {
		if pc := PC(fn); pc != 0 || Describe(pc) != "" {
			t.Errorf("%v: %d", fn, pc)
		}
	}
	if Describe(1) == "" {
		t.Error("no description of an address outside of any function")
	}
}
