"""The HTTP library: every other module of the package imports it from here, so another one takes one line.

The generated code imports it by itself, and so decides which one it is.
"""

import httpx as httpx  # noqa: PLC0414 - type checkers take only this form as public
