"""Measure the package: inputs and timed functions for scripts/benchmark.py."""
