"""The steps of release_check.py: small functions that refuse a distribution or a change log, and say why."""
