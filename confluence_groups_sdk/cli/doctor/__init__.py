"""What ``confluence-groups doctor`` checks, from the versions to the site's answers."""
