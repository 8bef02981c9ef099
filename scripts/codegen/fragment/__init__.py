"""Check that the fragment says everything about its operations, and agrees with the examples of the items."""
