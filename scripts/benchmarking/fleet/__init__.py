"""Measure several processes that work on one site."""
