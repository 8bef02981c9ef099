"""Check whether the version fits the changes of the fragment and of the Python API since the last release."""
