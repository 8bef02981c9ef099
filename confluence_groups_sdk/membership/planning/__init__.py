"""From a request to a plan: read the request, read the groups, decide about each change."""
