"""The data of plans, guards, journals and reports; nothing here calls Confluence."""
