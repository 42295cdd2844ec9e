"""Measures a function as Go's benchmarks do, and writes a line in their format."""

import time


def measure(name, run, n):
    """Runs run(n), which does something n times, and writes how long one took."""
    run(max(n // 10, 1))  # warms up
    begun = time.perf_counter()
    run(n)
    took = time.perf_counter() - begun
    print(f"BenchmarkModel/{name} {n} {took / n * 1e9:.1f} ns/op", flush=True)
