"""Benchmarks, which print ratios: `python -m tests.bench.run`."""
