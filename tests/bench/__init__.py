"""Benchmarks that print ratios: `python -m tests.bench.run`."""
