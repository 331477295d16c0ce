"""Benchmarks: each prints ratios against a baseline that is run beside it."""
