"""Compares OpenAPI documents."""
