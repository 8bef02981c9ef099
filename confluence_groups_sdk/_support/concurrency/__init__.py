"""Calls at the same time."""
