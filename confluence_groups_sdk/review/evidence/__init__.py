"""Evidence: one file that shows who reviewed, what was decided, what was done, and what a later snapshot shows."""
