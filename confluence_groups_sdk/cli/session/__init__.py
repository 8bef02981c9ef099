"""The site and the credentials of a command, and what is kept of them between runs."""
