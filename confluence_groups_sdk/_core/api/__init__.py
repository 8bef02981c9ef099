"""The operations, the lists made of several calls, and the reading of response bodies."""
