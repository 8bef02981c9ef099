"""Taking a snapshot: reading the groups, and the progress file from which an interrupted run goes on."""
