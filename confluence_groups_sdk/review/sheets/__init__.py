"""Review sheets: rows for reviewers to decide about, as workbooks, CSV and JSON."""
