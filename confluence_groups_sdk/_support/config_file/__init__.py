"""Files of settings in TOML that name secrets without having them: every mistake is in one error."""
