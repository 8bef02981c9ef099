"""Convert Postman collections to OpenAPI documents; README.md has the rules."""
