"""Build the documentation site: copy the pages, generate the references, run Zensical, and check what it built."""
