package frame

// Size is how many bytes of room the reader has.
func (r *Reader) Size() int { return len(r.buf) }
