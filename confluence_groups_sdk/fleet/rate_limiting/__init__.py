"""A rate limiter whose state is in PostgreSQL, so that all processes and hosts of a site share it.

`shared_rate_limiter` is what clients use. `schedule` sends the questions of one process, in a thread of its own. Its
`trips` carry `events` and requests for `turns`. A function in the database answers them, by the rules of `RateLimiter`:
`fleet/schema/rate_limits.py`.
"""
