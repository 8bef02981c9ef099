"""Building requests, sending them with httpx or aiohttp, and reading responses within limits."""
