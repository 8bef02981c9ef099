"""From a plan to a report: compare, send, keep the journal, resume and undo."""
