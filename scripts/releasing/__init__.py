"""The steps of release_check.py, which refuse a distribution or a change log and say why."""
