"""The file of a fleet, ``fleet.toml``: its sites, the variables with their credentials, and the jobs to submit."""
