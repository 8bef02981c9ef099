"""Watching httpx's connections: none is used again with bytes left on it, and no attempt takes too long."""
