"""Many processes and sites: one shared rate, in PostgreSQL."""
