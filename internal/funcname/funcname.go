// Package funcname names functions for reports, at no cost until a report is
// written: a component keeps one program counter instead of a stack.
package funcname

import (
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"
)

// PC returns the entry of the function fn, or 0 when fn is no function.
func PC(fn any) uintptr {
	v := reflect.ValueOf(fn)
	if v.Kind() != reflect.Func || v.IsNil() {
		return 0
	}
	return v.Pointer()
}

// Describe names the function at pc with the place where it is written, as in
// "main.fetch.func1 (main.go:12)". It returns "" for 0.
func Describe(pc uintptr) string {
	if pc == 0 {
		return ""
	}
	f := runtime.FuncForPC(pc)
	if f == nil {
		return fmt.Sprintf("function at %#x", pc)
	}
	file, line := f.FileLine(pc)
	return fmt.Sprintf("%s (%s:%d)", f.Name(), filepath.Base(file), line)
}
