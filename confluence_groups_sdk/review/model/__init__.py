"""What a review writes down: snapshots, rows of sheets, and decisions."""
