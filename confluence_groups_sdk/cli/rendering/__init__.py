"""Output: tables, plans, reports, the approval page, curl commands and the progress bar."""
