"""The version, a literal: package metadata is not there once the package is vendored."""

__version__ = "0.1.0"
"""The version of the package."""
