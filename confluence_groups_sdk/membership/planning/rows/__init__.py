"""Rows and accounts as people write them: read, repaired where that is certain, and resolved to people and groups."""
