"""HTML pages of reviews: one file each, for reviewers and auditors. They need jinja2."""
