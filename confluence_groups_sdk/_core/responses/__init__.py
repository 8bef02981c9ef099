"""What responses mean: their headers, their rate limits, and the errors they stand for."""
