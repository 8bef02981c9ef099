"""The tables in PostgreSQL, their version, and the steps from one version to the next."""
