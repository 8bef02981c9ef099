"""HTML pages of access reviews: each is one file, complete without its script."""
