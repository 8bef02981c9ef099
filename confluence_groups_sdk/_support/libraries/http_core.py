"""The connections of the HTTP library, which few modules need; it loads with the first request."""

import httpcore as httpcore  # noqa: PLC0414 - type checkers take only this form as public
