"""Decisions: returned sheets are read and checked, and decided removals become a plan."""
