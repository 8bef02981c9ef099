"""Copy the package into other packages."""
