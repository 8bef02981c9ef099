"""Generate the client from the OpenAPI fragment."""
