"""When to send, and when to send again: retry policy, rate limiter and concurrency limiter.

The retry policy is pure. The limiters keep state, shared by threads and tasks; the callers give them a clock.
"""
