"""Pure decisions about when to send: retry policy, rate limiter and concurrency limiter. Time is an argument."""
