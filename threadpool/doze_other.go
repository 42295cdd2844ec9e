//go:build !linux

package threadpool

import (
	"sync/atomic"
	"time"
)

const canDoze = false

func drowse(*atomic.Uint32, uint32, time.Duration) (early bool) { return false }

func rouse(*atomic.Uint32) {}
