"""Basics that every part of the package uses. They know nothing of Confluence's operations."""
