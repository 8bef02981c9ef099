"""Small changes to the package's code that its tests must notice."""
