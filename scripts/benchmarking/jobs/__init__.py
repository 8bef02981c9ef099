"""Whole jobs: how many calls they take, and how long these take on a site that answers slowly and limits the rate."""
