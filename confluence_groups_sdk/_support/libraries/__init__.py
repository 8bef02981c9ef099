"""The libraries that the package uses: httpx, imported in one place, and those that an extra installs."""
