"""Authentication: credentials, OAuth 2.0, token stores, environment variables, and the sites that a token can reach."""
