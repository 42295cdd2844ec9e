package reactor

// ForgetDefault makes the process as if Default had never been called.
func ForgetDefault() {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	shared.r, shared.used = nil, false
}
