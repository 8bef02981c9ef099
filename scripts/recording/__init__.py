"""Record the cassettes and the pickles that the tests read."""
