"""One API call, from the client's method to its result: session, exchange, and their parts in four folders."""
