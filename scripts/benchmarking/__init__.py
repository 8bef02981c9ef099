"""What scripts/benchmark.py measures: inputs, and functions to be timed."""
